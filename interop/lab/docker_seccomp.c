/*
 * docker_seccomp.c - runs a command as a container of Docker runs it by default: under a filter
 * equal in effect to Docker's (x86-64), with the capabilities that its root has and no way to more.
 *
 *   docker_seccomp [--net-admin] COMMAND [ARGUMENT...]
 *   docker_seccomp --probe          what some system calls answer under the filter, one a line
 *   docker_seccomp --bare --probe   and without it
 *
 * --net-admin is Docker's --cap-add=NET_ADMIN. The rules are those of moby/profiles,
 * seccomp/default.json, for a container without capabilities that add system calls. What they do
 * not name is refused with EPERM; as runc has it, numbers that are newer than the rules give
 * ENOSYS.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __x86_64__
#error "the table is that of x86-64"
#endif

/* Newer than some headers. */
#ifndef SYS_uretprobe
#define SYS_uretprobe 335
#endif
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_map_shadow_stack
#define SYS_map_shadow_stack 453
#endif
#ifndef SYS_futex_wake
#define SYS_futex_wake 454
#endif
#ifndef SYS_futex_wait
#define SYS_futex_wait 455
#endif
#ifndef SYS_futex_requeue
#define SYS_futex_requeue 456
#endif
#ifndef SYS_statmount
#define SYS_statmount 457
#endif
#ifndef SYS_listmount
#define SYS_listmount 458
#endif
#ifndef SYS_mseal
#define SYS_mseal 462
#endif
#ifndef SYS_setxattrat
#define SYS_setxattrat 463
#endif
#ifndef SYS_getxattrat
#define SYS_getxattrat 464
#endif
#ifndef SYS_listxattrat
#define SYS_listxattrat 465
#endif
#ifndef SYS_removexattrat
#define SYS_removexattrat 466
#endif

#define NEWEST SYS_removexattrat

/* Allowed whatever the arguments are. */
#define ALLOWED                                                                        \
	A(accept) A(accept4) A(access) A(adjtimex) A(alarm) A(arch_prctl) A(bind) A(brk) \
	A(cachestat) A(capget) A(capset) A(chdir) A(chmod) A(chown) A(chroot) \
	A(clock_adjtime) A(clock_getres) A(clock_gettime) A(clock_nanosleep) A(close) \
	A(close_range) A(connect) A(copy_file_range) A(creat) A(dup) A(dup2) A(dup3) \
	A(epoll_create) A(epoll_create1) A(epoll_ctl) A(epoll_ctl_old) A(epoll_pwait) \
	A(epoll_pwait2) A(epoll_wait) A(epoll_wait_old) A(eventfd) A(eventfd2) A(execve) \
	A(execveat) A(exit) A(exit_group) A(faccessat) A(faccessat2) A(fadvise64) \
	A(fallocate) A(fanotify_mark) A(fchdir) A(fchmod) A(fchmodat) A(fchmodat2) \
	A(fchown) A(fchownat) A(fcntl) A(fdatasync) A(fgetxattr) A(flistxattr) A(flock) \
	A(fork) A(fremovexattr) A(fsetxattr) A(fstat) A(fstatfs) A(fsync) A(ftruncate) \
	A(futex) A(futex_requeue) A(futex_wait) A(futex_waitv) A(futex_wake) \
	A(futimesat) A(get_robust_list) A(get_thread_area) A(getcpu) A(getcwd) \
	A(getdents) A(getdents64) A(getegid) A(geteuid) A(getgid) A(getgroups) \
	A(getitimer) A(getpeername) A(getpgid) A(getpgrp) A(getpid) A(getppid) \
	A(getpriority) A(getrandom) A(getresgid) A(getresuid) A(getrlimit) A(getrusage) \
	A(getsid) A(getsockname) A(getsockopt) A(gettid) A(gettimeofday) A(getuid) \
	A(getxattr) A(getxattrat) A(inotify_add_watch) A(inotify_init) A(inotify_init1) \
	A(inotify_rm_watch) A(io_cancel) A(io_destroy) A(io_getevents) A(io_pgetevents) \
	A(io_setup) A(io_submit) A(ioctl) A(ioprio_get) A(ioprio_set) A(kill) \
	A(landlock_add_rule) A(landlock_create_ruleset) A(landlock_restrict_self) \
	A(lchown) A(lgetxattr) A(link) A(linkat) A(listen) A(listmount) A(listxattr) \
	A(listxattrat) A(llistxattr) A(lremovexattr) A(lseek) A(lsetxattr) A(lstat) \
	A(madvise) A(map_shadow_stack) A(membarrier) A(memfd_create) A(memfd_secret) \
	A(mincore) A(mkdir) A(mkdirat) A(mknod) A(mknodat) A(mlock) A(mlock2) \
	A(mlockall) A(mmap) A(modify_ldt) A(mprotect) A(mq_getsetattr) A(mq_notify) \
	A(mq_open) A(mq_timedreceive) A(mq_timedsend) A(mq_unlink) A(mremap) A(mseal) \
	A(msgctl) A(msgget) A(msgrcv) A(msgsnd) A(msync) A(munlock) A(munlockall) \
	A(munmap) A(name_to_handle_at) A(nanosleep) A(newfstatat) A(open) A(openat) \
	A(openat2) A(pause) A(pidfd_open) A(pidfd_send_signal) A(pipe) A(pipe2) \
	A(pkey_alloc) A(pkey_free) A(pkey_mprotect) A(poll) A(ppoll) A(prctl) A(pread64) \
	A(preadv) A(preadv2) A(prlimit64) A(process_mrelease) A(process_vm_readv) \
	A(process_vm_writev) A(pselect6) A(ptrace) A(pwrite64) A(pwritev) A(pwritev2) \
	A(read) A(readahead) A(readlink) A(readlinkat) A(readv) A(recvfrom) A(recvmmsg) \
	A(recvmsg) A(remap_file_pages) A(removexattr) A(removexattrat) A(rename) \
	A(renameat) A(renameat2) A(restart_syscall) A(rmdir) A(rseq) A(rt_sigaction) \
	A(rt_sigpending) A(rt_sigprocmask) A(rt_sigqueueinfo) A(rt_sigreturn) \
	A(rt_sigsuspend) A(rt_sigtimedwait) A(rt_tgsigqueueinfo) \
	A(sched_get_priority_max) A(sched_get_priority_min) A(sched_getaffinity) \
	A(sched_getattr) A(sched_getparam) A(sched_getscheduler) \
	A(sched_rr_get_interval) A(sched_setaffinity) A(sched_setattr) A(sched_setparam) \
	A(sched_setscheduler) A(sched_yield) A(seccomp) A(select) A(semctl) A(semget) \
	A(semop) A(semtimedop) A(sendfile) A(sendmmsg) A(sendmsg) A(sendto) \
	A(set_robust_list) A(set_thread_area) A(set_tid_address) A(setfsgid) A(setfsuid) \
	A(setgid) A(setgroups) A(setitimer) A(setpgid) A(setpriority) A(setregid) \
	A(setresgid) A(setresuid) A(setreuid) A(setrlimit) A(setsid) A(setsockopt) \
	A(setuid) A(setxattr) A(setxattrat) A(shmat) A(shmctl) A(shmdt) A(shmget) \
	A(shutdown) A(sigaltstack) A(signalfd) A(signalfd4) A(socketpair) A(splice) \
	A(stat) A(statfs) A(statmount) A(statx) A(symlink) A(symlinkat) A(sync) \
	A(sync_file_range) A(syncfs) A(sysinfo) A(tee) A(tgkill) A(time) A(timer_create) \
	A(timer_delete) A(timer_getoverrun) A(timer_gettime) A(timer_settime) \
	A(timerfd_create) A(timerfd_gettime) A(timerfd_settime) A(times) A(tkill) \
	A(truncate) A(umask) A(uname) A(unlink) A(unlinkat) A(uretprobe) A(utime) \
	A(utimensat) A(utimes) A(vfork) A(vmsplice) A(wait4) A(waitid) A(write) \
	A(writev)
static const uint16_t CALLS[] = {
#define A(name) SYS_##name,
	ALLOWED
#undef A
};

/* What socket(2) may not ask for; nothing from FAMILIES on either. */
static const uint8_t REFUSED_FAMILIES[] = {
	AF_DECnet, AF_ECONET, AF_ATMSVC, AF_IRDA, AF_WANPIPE, AF_ISDN, AF_CAIF, AF_ALG, AF_VSOCK,
};
#define FAMILIES 46

/* What personality(2) may set: nothing, other names of the machine, or only ask. */
static const uint32_t PERSONALITIES[] = { PER_LINUX, PER_LINUX32, UNAME26, PER_LINUX32 | UNAME26,
					  0xffffffff };

/* New namespaces; new cgroups are among them, new threads are not. */
#define NAMESPACES                                                                            \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |         \
	 CLONE_NEWPID | CLONE_NEWNET)

static const uint8_t CAPABILITIES[] = {
	CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FSETID,	    CAP_FOWNER,	   CAP_MKNOD,
	CAP_NET_RAW, CAP_SETGID,      CAP_SETUID,	    CAP_SETFCAP,   CAP_SETPCAP,
	CAP_KILL,   CAP_SYS_CHROOT,   CAP_NET_BIND_SERVICE, CAP_AUDIT_WRITE,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FILTER_MAX 512

struct filter {
	struct sock_filter code[FILTER_MAX];
	uint16_t length;
};

static void fail(const char *what)
{
	fprintf(stderr, "docker_seccomp: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void emit(struct filter *f, uint16_t code, uint8_t if_true, uint8_t if_false, uint32_t k)
{
	if (f->length == FILTER_MAX) {
		errno = E2BIG;
		fail("the filter");
	}
	f->code[f->length++] = (struct sock_filter)BPF_JUMP(code, k, if_true, if_false);
}

static void emit_load(struct filter *f, size_t offset)
{
	emit(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void emit_return(struct filter *f, uint32_t action)
{
	emit(f, BPF_RET | BPF_K, 0, 0, action);
}

#define REFUSE (SECCOMP_RET_ERRNO | EPERM)
#define UNKNOWN (SECCOMP_RET_ERRNO | ENOSYS)

/* Ends the filter: what is loaded is the number of an entry of |allowed|, or it is refused. */
static void emit_choice(struct filter *f, const bool *allowed, uint32_t count)
{
	for (uint32_t first = 0; first < count; first++) {
		if (!allowed[first])
			continue;
		uint32_t last = first;
		while (last + 1 < count && allowed[last + 1])
			last++;
		emit(f, BPF_JMP | BPF_JGT | BPF_K, 3, 0, last);
		emit(f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, first);
		emit_return(f, SECCOMP_RET_ALLOW);
		emit_return(f, REFUSE);
		first = last;
	}
	emit_return(f, REFUSE);
}

/* The first argument, which must fit 32 bits. */
static void emit_load_argument(struct filter *f)
{
	emit_load(f, offsetof(struct seccomp_data, args[0]) + 4);
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0);
	emit_return(f, REFUSE);
	emit_load(f, offsetof(struct seccomp_data, args[0]));
}

/* The next |f|s are for that call alone; close_call() after them. */
static uint16_t open_call(struct filter *f, uint32_t number)
{
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, number);
	emit(f, BPF_JMP | BPF_JA, 0, 0, 0);
	return f->length;
}

static void close_call(struct filter *f, uint16_t opened)
{
	f->code[opened - 1].k = f->length - opened;
}

static void emit_calls_with_arguments(struct filter *f)
{
	uint16_t opened = open_call(f, SYS_clone);
	emit_load(f, offsetof(struct seccomp_data, args[0]));
	emit(f, BPF_JMP | BPF_JSET | BPF_K, 0, 1, NAMESPACES);
	emit_return(f, REFUSE);
	emit_return(f, SECCOMP_RET_ALLOW);
	close_call(f, opened);

	/* Its flags are in memory, out of a filter's sight: who sees ENOSYS tries clone. */
	opened = open_call(f, SYS_clone3);
	emit_return(f, UNKNOWN);
	close_call(f, opened);

	opened = open_call(f, SYS_personality);
	emit_load_argument(f);
	for (uint32_t i = 0; i < COUNT(PERSONALITIES); i++) {
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, PERSONALITIES[i]);
		emit_return(f, SECCOMP_RET_ALLOW);
	}
	emit_return(f, REFUSE);
	close_call(f, opened);

	bool families[FAMILIES];
	memset(families, true, sizeof(families));
	for (uint32_t i = 0; i < COUNT(REFUSED_FAMILIES); i++)
		families[REFUSED_FAMILIES[i]] = false;
	opened = open_call(f, SYS_socket);
	emit_load_argument(f);
	emit_choice(f, families, FAMILIES);
	close_call(f, opened);
}

static void apply_filter(void)
{
	static struct filter f;
	static bool allowed[NEWEST + 1];
	for (uint32_t i = 0; i < COUNT(CALLS); i++)
		allowed[CALLS[i]] = true;
	emit_load(&f, offsetof(struct seccomp_data, arch));
	emit(&f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AUDIT_ARCH_X86_64);
	emit_return(&f, REFUSE);
	emit_load(&f, offsetof(struct seccomp_data, nr));
	emit(&f, BPF_JMP | BPF_JGT | BPF_K, 0, 1, NEWEST);
	emit_return(&f, UNKNOWN);
	emit_calls_with_arguments(&f);
	emit_choice(&f, allowed, COUNT(allowed));
	const struct sock_fprog program = { .len = f.length, .filter = f.code };
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
		fail("seccomp(2)");
}

static bool has_capability(uint32_t capability, bool net_admin)
{
	return (net_admin && capability == CAP_NET_ADMIN) ||
	       memchr(CAPABILITIES, (int)capability, sizeof(CAPABILITIES)) != NULL;
}

/* Root's. Another user's processes have none, here as there. */
static void reduce_capabilities(bool net_admin)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
	if (geteuid() != 0)
		return;
	for (uint32_t i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		if (!has_capability(i, net_admin) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) != 0)
			fail("the bounding set");
	if (syscall(SYS_capget, &header, sets) != 0)
		fail("capget");
	for (uint32_t i = 0; i < _LINUX_CAPABILITY_U32S_3 * 32; i++) {
		if (has_capability(i, net_admin))
			continue;
		sets[CAP_TO_INDEX(i)].permitted &= ~CAP_TO_MASK(i);
		sets[CAP_TO_INDEX(i)].effective &= ~CAP_TO_MASK(i);
	}
	for (uint32_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		sets[i].inheritable = 0;
	if (syscall(SYS_capset, &header, sets) != 0)
		fail("capset");
}

static void tell(const char *name, long result)
{
	printf("%s %s\n", name, result >= 0 ? "ok" : strerrorname_np(errno));
	fflush(stdout);
}

/* Calls that fail without the filter too do so for another reason. */
static int probe(void)
{
	union bpf_attr no_object = { .info.bpf_fd = UINT32_MAX };
	tell("bpf", syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &no_object, sizeof(no_object)));
	tell("io_uring_setup", syscall(SYS_io_uring_setup, 0, NULL));
	tell("io_uring_enter", syscall(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0));
	tell("clone3", syscall(SYS_clone3, NULL, 0));
	tell("clone_newuser", syscall(SYS_clone, CLONE_NEWUSER | CLONE_THREAD, NULL));
	tell("clone_thread", syscall(SYS_clone, CLONE_THREAD, NULL));
	tell("personality_ask", syscall(SYS_personality, 0xffffffff));
	tell("personality_odd", syscall(SYS_personality, ADDR_COMPAT_LAYOUT));
	tell("socket_inet", socket(AF_INET, SOCK_DGRAM, 0));
	tell("socket_netlink", socket(AF_NETLINK, SOCK_RAW, 0));
	tell("socket_vsock", socket(AF_VSOCK, -1, 0));
	tell("keyctl", syscall(SYS_keyctl, -1, 0, 0, 0, 0));
	tell("unshare", unshare(0));
	tell("ptrace", syscall(SYS_ptrace, -1, 0, 0, 0));
	tell("newer", syscall(NEWEST + 100));
	tell("getppid", getppid());
	return 0;
}

int main(int argc, char **argv)
{
	int at = 1;
	const bool bare = at < argc && !strcmp(argv[at], "--bare");
	at += bare;
	const bool net_admin = at < argc && !strcmp(argv[at], "--net-admin");
	at += net_admin;
	if (at == argc) {
		fputs("usage: docker_seccomp [--bare] [--net-admin] --probe | COMMAND...\n",
		      stderr);
		return 125;
	}
	if (!bare) {
		reduce_capabilities(net_admin);
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
			fail("no_new_privs");
		apply_filter();
	}
	if (!strcmp(argv[at], "--probe"))
		return probe();
	execvp(argv[at], argv + at);
	fail(argv[at]);
}
