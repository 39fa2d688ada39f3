/** Opens Bun.serve with HTTP/3, or without it where Bun cannot. */

export interface ListenOptions {
  host: string;
  /** 0: the kernel chooses. */
  port: number;
  certificatePem: string;
  privateKeyPem: string;
  /** Bun counts whole seconds, up to 255. */
  idleTimeoutMs: number;
  maxRequestBodyBytes: number;
  fetch(request: Request): Response | Promise<Response>;
}

export interface Listening {
  server: Bun.Server<undefined>;
  /** Why there is no HTTP/3, one line; null: there is. */
  http3Refusal: string | null;
}

export const IDLE_TIMEOUT_MAX_SECONDS = 255;
/** The kernel chooses a TCP port; the UDP port of that number may be taken. */
const PORT_TRIES = 8;

/** @throws Error with cause and remedy. */
export async function listen(options: ListenOptions): Promise<Listening> {
  const http3Refusal = await refusalOfHttp3(options);
  const serving = { ...serveOptions(options), http2: true, http3: http3Refusal === null };
  for (let tries = 1; ; tries++) {
    try {
      return { server: Bun.serve(serving), http3Refusal };
    } catch (error) {
      const udpTaken = textOf(error).includes("UDP port");
      if (udpTaken && options.port === 0 && tries < PORT_TRIES) continue;
      throw startError(error, options);
    }
  }
}

function serveOptions(options: ListenOptions) {
  return {
    hostname: options.host,
    port: options.port,
    tls: { cert: options.certificatePem, key: options.privateKeyPem },
    idleTimeout: Math.min(IDLE_TIMEOUT_MAX_SECONDS, Math.ceil(options.idleTimeoutMs / 1000)),
    maxRequestBodySize: options.maxRequestBodyBytes,
    development: false,
    fetch: options.fetch,
  };
}

/**
 * Asked beforehand, over UDP alone and on a port of the kernel's choice: what fails there is no
 * port in use, and leaves no TCP port open behind it.
 */
async function refusalOfHttp3(options: ListenOptions): Promise<string | null> {
  try {
    const server = Bun.serve({ ...serveOptions(options), port: 0, http1: false, http3: true });
    await server.stop(true);
    return null;
  } catch (error) {
    /* What is wrong with the certificate or the address is not HTTP/3's fault: TCP fails, too. */
    return codeOf(error) === "" ? textOf(error) : null;
  }
}

function startError(error: unknown, { host, port }: ListenOptions): Error {
  const code = codeOf(error);
  const text = textOf(error);
  if (code === "EADDRINUSE" || text.includes("UDP port")) {
    const remedy = "stop it or choose another port (--port N, 0 for any)";
    return new Error(`port ${port} is in use by another program; ${remedy}`);
  }
  if (code === "EACCES") return new Error(`port ${port} needs privileges: choose one above 1023`);
  if (code === "EADDRNOTAVAIL") return new Error(`host "${host}" is no address of this machine`);
  if (code.startsWith("ERR_OSSL")) {
    return new Error(`tls: certificate and key cannot be used together: ${text}`);
  }
  return new Error(text);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code ?? "") : "";
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
