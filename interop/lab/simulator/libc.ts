/**
 * The system calls of the simulator, straight from libc: Bun has no packet sockets, and its event
 * loop has a grain of a millisecond. x86-64 and AArch64 Linux; needs CAP_NET_RAW.
 *
 * Addresses of memory are numbers; whoever passes one keeps the array it belongs to alive, which
 * has an ArrayBuffer of its own: the engine moves what small arrays without one hold.
 */
import { dlopen, FFIType, ptr } from "bun:ffi";

const { i32, u32, u64, i64_fast, cstring, ptr: pointer } = FFIType;

const libc = dlopen("libc.so.6", {
  socket: { args: [i32, i32, i32], returns: i32 },
  bind: { args: [i32, pointer, u32], returns: i32 },
  setsockopt: { args: [i32, i32, i32, pointer, u32], returns: i32 },
  recvmsg: { args: [i32, pointer, i32], returns: i64_fast },
  send: { args: [i32, pointer, u64, i32], returns: i64_fast },
  ppoll: { args: [pointer, u64, pointer, pointer], returns: i32 },
  clock_gettime: { args: [i32, pointer], returns: i32 },
  if_nametoindex: { args: [cstring], returns: u32 },
  sched_setscheduler: { args: [i32, i32, pointer], returns: i32 },
}).symbols;

const AF_PACKET = 17;
const SOCK_RAW = 3;
const ETH_P_ALL = 3;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SO_TIMESTAMPNS = 35;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const POLLIN = 1;
const CLOCK_REALTIME = 0;
const SCHED_FIFO = 1;
const SCHED_RESET_ON_FORK = 0x40000000;

/** A second of the largest frames at 100 Mbit/s: what a stall of ours may pile up. */
const RECEIVE_BUFFER_BYTES = 16 << 20;

/** Nanoseconds since this second are exact in a number; nanoseconds since 1970 would not be. */
export const BASE_SECONDS = Math.floor(Date.now() / 1000);

/** struct timespec in 32-bit words, the lower ones first: numbers, where BigInts were garbage. */
const clockWords = new Int32Array(new ArrayBuffer(16));
const clockAddress = ptr(clockWords);

/** Wall clock, ns since {@link BASE_SECONDS}: the clock of the kernel's arrival times. */
export function nowNs(): number {
  libc.clock_gettime(CLOCK_REALTIME, clockAddress);
  return timeNs(clockWords, 0);
}

function timeNs(words: Int32Array, at: number): number {
  return (((words[at] ?? 0) >>> 0) - BASE_SECONDS) * 1e9 + (words[at + 2] ?? 0);
}

/** Memory that the kernel can be given: `address` stays right for as long as `bytes` lives. */
export function allocate(size: number): { bytes: Uint8Array; address: number } {
  const bytes = new Uint8Array(new ArrayBuffer(size));
  return { bytes, address: Number(ptr(bytes)) };
}

/** Runs before everything that is not in real time; false where that is not allowed. */
export function raisePriority(): boolean {
  const parameters = new Int32Array([1]);
  return libc.sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, ptr(parameters)) === 0;
}

/** struct msghdr, its iovec, and room for one control message with a timestamp. */
const MESSAGE_WORDS = 7;
const CONTROL_BYTES = 64;

/** All frames that a device receives or sends, but those that this socket sends. */
export class PacketSocket {
  /** When the frame of the last {@link receive} came in, on the clock of {@link nowNs}. */
  arrivedNs = 0;
  readonly descriptor: number;
  readonly #message = new BigUint64Array(new ArrayBuffer(8 * MESSAGE_WORDS));
  readonly #messageWords = new Uint32Array(this.#message.buffer);
  /** Address and length, in words as above. */
  readonly #vector = new Uint32Array(new ArrayBuffer(16));
  readonly #control = new Int32Array(new ArrayBuffer(CONTROL_BYTES));
  readonly #messageAddress = ptr(this.#message);

  constructor(readonly device: string) {
    const index = libc.if_nametoindex(Buffer.from(`${device}\0`));
    if (index === 0) throw new Error(`there is no device ${device} in this network namespace`);
    this.descriptor = libc.socket(AF_PACKET, SOCK_RAW, 0);
    if (this.descriptor < 0) throw new Error("no packet socket: it needs CAP_NET_RAW");
    this.#set(SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES);
    this.#set(SO_TIMESTAMPNS, 1);
    // struct sockaddr_ll: family, protocol (big-endian), index.
    const address = new DataView(new ArrayBuffer(20));
    address.setUint16(0, AF_PACKET, true);
    address.setUint16(2, ETH_P_ALL, false);
    address.setInt32(4, index, true);
    if (libc.bind(this.descriptor, ptr(new Uint8Array(address.buffer)), 20) !== 0) {
      throw new Error(`no packet socket on ${device}`);
    }
    this.#message[2] = BigInt(ptr(this.#vector));
    this.#message[3] = 1n;
    this.#message[4] = BigInt(ptr(this.#control));
  }

  /**
   * Length of the frame now at `address`, which has room for `size` bytes; 0: there was none. More
   * than `size`: it did not fit.
   */
  receive(address: number, size: number): number {
    this.#vector[0] = address >>> 0;
    this.#vector[1] = Math.floor(address / 2 ** 32);
    this.#vector[2] = size;
    this.#messageWords[10] = CONTROL_BYTES;
    const flags = MSG_DONTWAIT | MSG_TRUNC;
    const length = Number(libc.recvmsg(this.descriptor, this.#messageAddress, flags));
    if (length <= 0) return 0;
    // cmsghdr: length, then level and type; then struct timespec.
    this.arrivedNs = timeNs(this.#control, 4);
    return length;
  }

  /** False when the kernel took it not. */
  send(address: number, length: number): boolean {
    return Number(libc.send(this.descriptor, address as never, length, 0)) === length;
  }

  #set(option: number, value: number): void {
    libc.setsockopt(this.descriptor, SOL_SOCKET, option, ptr(new Int32Array([value])), 4);
  }
}

/** Waits until one of some descriptors can be read, or a time has come. */
export class Poller {
  readonly #entries: Int32Array;
  readonly #count: number;
  readonly #timeout = new Int32Array(new ArrayBuffer(16));
  readonly #entriesAddress: number;
  readonly #timeoutAddress = ptr(this.#timeout);

  constructor(descriptors: readonly number[]) {
    this.#count = descriptors.length;
    // struct pollfd: descriptor, then 16 bits each of what is asked and answered.
    this.#entries = new Int32Array(new ArrayBuffer(8 * descriptors.length));
    for (const [i, descriptor] of descriptors.entries()) this.#entries[2 * i] = descriptor;
    for (let i = 0; i < this.#count; i++) this.#entries[2 * i + 1] = POLLIN;
    this.#entriesAddress = Number(ptr(this.#entries));
  }

  /** `timeoutNs` below 0 counts as 0. */
  wait(timeoutNs: number): void {
    const ns = Math.max(0, Math.ceil(timeoutNs));
    this.#timeout[0] = Math.floor(ns / 1e9);
    this.#timeout[2] = ns % 1e9;
    libc.ppoll(this.#entriesAddress as never, this.#count, this.#timeoutAddress, null);
  }

  /** Whether the descriptor at this place can be read, or has ended. */
  readable(place: number): boolean {
    return (this.#entries[2 * place + 1] ?? 0) >> 16 !== 0;
  }
}
