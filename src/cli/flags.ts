/** The flags of `serve`: each is an option of the configuration that can be said on the way. */

export interface ConfigFlag {
  readonly name: string;
  readonly section: string;
  readonly option: string;
  /** What stands for its value in the help. */
  readonly value: string;
  readonly about: string;
}

function row(name: string, path: string, value: string, about: string): ConfigFlag {
  const [section = "", option = ""] = path.split(".");
  return { name, section, option, value, about };
}

export const CONFIG_FLAGS: readonly ConfigFlag[] = [
  row("port", "netio.port", "N", "UDP port, default 4433; 0: a free one, printed"),
  row("host", "netio.host", "A", 'address to listen on, default "::" (all, IPv4 too)'),
  row("workers", "netio.workers", "N", "network threads, default one per CPU, at least 2"),
  row("routing", "netio.routing", "M", "auto, ebpf (needs CAP_BPF) or forward"),
  row("backend", "netio.backend", "B", "auto, io_uring or syscalls"),
  row("alpn", "apps.alpn", "LIST", "protocols offered, default h3,h3-29,hq-interop,echo"),
  row("threads", "apps.threads", "N", "threads that run app.ts, default 0: the main thread"),
  row("cert", "tls.cert", "F", "certificate chain, PEM; without it one is made for localhost"),
  row("key", "tls.key", "F", "its private key, PEM"),
  row("keylog", "tls.keylog", "F", "append TLS secrets for Wireshark"),
];
