/**
 * The certificate of every simulated server: for "localhost", valid until 2126. Its key is public,
 * here; a new one for each run would give each run other sizes.
 */
export const SIMULATED_IDENTITY = {
  certificatePem: `-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUBKM47evodqu/w0hca0K1RGjHvzMwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzAzMDYzOFoYDzIxMjYxMDMw
MDMwNjM4WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAThQvdZnbZ2j09gvPfbId8KtJ037g9tolSFowYV4ULLFb1yQnBPHJ4t
QmYaHtWgq4o9Mb2DLXF1yR7Byt4sFjVUo1MwUTAdBgNVHQ4EFgQUe/7QrFj4yp8H
Hv6+GcXLAVncAKUwHwYDVR0jBBgwFoAUe/7QrFj4yp8HHv6+GcXLAVncAKUwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiAYoDUKQ6ubAhuCc6Vekhc/
EN4ofS5efiXn1CbAPwclngIhAKKo0DXhQAx7UUF6JipqnjUd8ej7+1Isx+e91XuV
D5qD
-----END CERTIFICATE-----
`,
  privateKeyPem: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg8E6X23JBts9xIbyy
WW/OYW7zJbzi6pQu9qxtW0tk5ymhRANCAAThQvdZnbZ2j09gvPfbId8KtJ037g9t
olSFowYV4ULLFb1yQnBPHJ4tQmYaHtWgq4o9Mb2DLXF1yR7Byt4sFjVU
-----END PRIVATE KEY-----
`,
};
