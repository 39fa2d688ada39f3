/* certificate.h - a self-signed P-256 certificate for native tests; its key is public, here. */
#pragma once

static const char TEST_CERTIFICATE[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBfzCCASWgAwIBAgIUBKM47evodqu/w0hca0K1RGjHvzMwCgYIKoZIzj0EAwIw\n"
	"FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzAzMDYzOFoYDzIxMjYxMDMw\n"
	"MDMwNjM4WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n"
	"PQMBBwNCAAThQvdZnbZ2j09gvPfbId8KtJ037g9tolSFowYV4ULLFb1yQnBPHJ4t\n"
	"QmYaHtWgq4o9Mb2DLXF1yR7Byt4sFjVUo1MwUTAdBgNVHQ4EFgQUe/7QrFj4yp8H\n"
	"Hv6+GcXLAVncAKUwHwYDVR0jBBgwFoAUe/7QrFj4yp8HHv6+GcXLAVncAKUwDwYD\n"
	"VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiAYoDUKQ6ubAhuCc6Vekhc/\n"
	"EN4ofS5efiXn1CbAPwclngIhAKKo0DXhQAx7UUF6JipqnjUd8ej7+1Isx+e91XuV\n"
	"D5qD\n"
	"-----END CERTIFICATE-----\n";

static const char TEST_KEY[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg8E6X23JBts9xIbyy\n"
	"WW/OYW7zJbzi6pQu9qxtW0tk5ymhRANCAAThQvdZnbZ2j09gvPfbId8KtJ037g9t\n"
	"olSFowYV4ULLFb1yQnBPHJ4tQmYaHtWgq4o9Mb2DLXF1yR7Byt4sFjVU\n"
	"-----END PRIVATE KEY-----\n";
