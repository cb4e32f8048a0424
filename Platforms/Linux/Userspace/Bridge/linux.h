/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/* What the programs ask of Linux: its system calls by name, and the few structures that cross them. Only calls that all
 * of rv32, rv64, ARM and x86-64 have are used, so times and file sizes are 64 bits wide everywhere. A result from -4095
 * to -1 is a negated errno. Nothing here has state: the programs have no variable in memory but on their stack. */
#ifndef USERSPACE_LINUX_H
#define USERSPACE_LINUX_H

typedef unsigned char byte;
typedef long long wide;
#ifdef __clang__
#define NONNULL _Nonnull
#define NULLABLE _Nullable
#else
#define NONNULL
#define NULLABLE
#endif
#define INLINE static inline __attribute__((always_inline))
/* Called so often that a function is smaller (start.c). */
#define OUTLINE __attribute__((visibility("hidden")))

/* Numbers: name, generic table (riscv), ARM, x86-64, m68k. Swift has no compiler for the last: it compiles as for a big-endian
 * ARM, whose files are opened with the same flags, and LINUX_M68K is defined. */
#if defined(LINUX_M68K) || defined(__m68k__)
#define CALLS(generic, arm, x86, m68k) m68k
#elif defined(__riscv)
#define CALLS(generic, arm, x86, m68k) generic
#elif defined(__arm__)
#define CALLS(generic, arm, x86, m68k) arm
#elif defined(__x86_64__)
#define CALLS(generic, arm, x86, m68k) x86
#else
#error "no system call numbers for this processor"
#endif
#if defined(__riscv) && __riscv_xlen == 32
#define TIME64(narrow, wide_) wide_
#else
#define TIME64(narrow, wide_) narrow
#endif

enum {
  CALL_getcwd = CALLS(17, 183, 79, 183),
  CALL_dup3 = CALLS(24, 358, 292, 326),
  CALL_fcntl = CALLS(25, 221, 72, 239),
  CALL_ioctl = CALLS(29, 54, 16, 54),
  CALL_mknodat = CALLS(33, 324, 259, 290),
  CALL_mkdirat = CALLS(34, 323, 258, 289),
  CALL_unlinkat = CALLS(35, 328, 263, 294),
  CALL_symlinkat = CALLS(36, 331, 266, 297),
  CALL_umount2 = CALLS(39, 52, 166, 52),
  CALL_mount = CALLS(40, 21, 165, 21),
  CALL_faccessat = CALLS(48, 334, 269, 300),
  CALL_chdir = CALLS(49, 12, 80, 12),
  CALL_fchmodat = CALLS(53, 333, 268, 299),
  CALL_fchownat = CALLS(54, 325, 260, 291),
  CALL_openat = CALLS(56, 322, 257, 288),
  CALL_close = CALLS(57, 6, 3, 6),
  CALL_pipe2 = CALLS(59, 359, 293, 327),
  CALL_getdents64 = CALLS(61, 217, 217, 220),
  CALL_lseek = CALLS(62, 140, 8, 140),
  CALL_read = CALLS(63, 3, 0, 3),
  CALL_write = CALLS(64, 4, 1, 4),
  CALL_readlinkat = CALLS(78, 332, 267, 298),
  CALL_sync = CALLS(81, 36, 162, 36),
  CALL_utimensat = CALLS(TIME64(88, 412), 412, 280, 412),
  CALL_exit_group = CALLS(94, 248, 231, 247),
  CALL_waitid = CALLS(95, 280, 247, 277),
  CALL_clock_settime = CALLS(TIME64(112, 404), 404, 227, 404),
  CALL_clock_gettime = CALLS(TIME64(113, 403), 403, 228, 403),
  CALL_clock_nanosleep = CALLS(TIME64(115, 407), 407, 230, 407),
  CALL_syslog = CALLS(116, 103, 103, 103),
  CALL_kill = CALLS(129, 37, 62, 37),
  CALL_rt_sigaction = CALLS(134, 174, 13, 174),
  CALL_rt_sigprocmask = CALLS(135, 175, 14, 175),
  CALL_rt_sigtimedwait = CALLS(TIME64(137, 421), 421, 128, 421),
  CALL_reboot = CALLS(142, 88, 169, 88),
  CALL_setpgid = CALLS(154, 57, 109, 57),
  CALL_setsid = CALLS(157, 66, 112, 66),
  CALL_uname = CALLS(160, 122, 63, 122),
  CALL_umask = CALLS(166, 60, 95, 60),
  CALL_getpid = CALLS(172, 20, 39, 20),
  CALL_getppid = CALLS(173, 64, 110, 64),
  CALL_geteuid = CALLS(175, 201, 107, 201),
  CALL_munmap = CALLS(215, 91, 11, 91),
  CALL_clone = CALLS(220, 120, 56, 120),
  CALL_execve = CALLS(221, 11, 59, 11),
  CALL_mmap = CALLS(222, 192, 9, 192),
  CALL_statx = CALLS(291, 397, 332, 379),
};

#if defined(__arm__) || defined(__m68k__)
/* The number is wanted in r7, which Thumb code may use as its frame pointer: a function of its own (start.c). So it is where
 * the code is C that was made of Swift. */
__attribute__((visibility("hidden"))) long linux_call(long a, long b, long c, long d, long e, long f, long number);
#elif defined(__riscv)
INLINE long linux_call(long a, long b, long c, long d, long e, long f, long number) {
  register long n __asm__("a7") = number, r0 __asm__("a0") = a, r1 __asm__("a1") = b, r2 __asm__("a2") = c;
  register long r3 __asm__("a3") = d, r4 __asm__("a4") = e, r5 __asm__("a5") = f;
  __asm__ volatile("ecall" : "+r"(r0) : "r"(n), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5) : "memory");
  return r0;
}
INLINE long linux_call3(long a, long b, long c, long number) {
  register long n __asm__("a7") = number, r0 __asm__("a0") = a, r1 __asm__("a1") = b, r2 __asm__("a2") = c;
  __asm__ volatile("ecall" : "+r"(r0) : "r"(n), "r"(r1), "r"(r2) : "memory");
  return r0;
}
#else
INLINE long linux_call(long a, long b, long c, long d, long e, long f, long number) {
  register long r3 __asm__("r10") = d, r4 __asm__("r8") = e, r5 __asm__("r9") = f;
  __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(r3), "r"(r4), "r"(r5)
                   : "rcx", "r11", "memory");
  return number;
}
#endif
#if !defined(__riscv)
INLINE long linux_call3(long a, long b, long c, long number) { return linux_call(a, b, c, 0, 0, 0, number); }
#endif

typedef struct { wide seconds; wide nanoseconds; } LinuxTime;
typedef struct { wide seconds; unsigned nanoseconds; int reserved; } LinuxStatTime;
/* struct statx, 256 bytes. */
typedef struct {
  unsigned mask, block_size;
  unsigned long long attributes;
  unsigned links, user, group;
  unsigned mode;
  unsigned long long inode, size, blocks, attributes_mask;
  LinuxStatTime access_time, birth_time, change_time, modification_time;
  unsigned special_major, special_minor, device_major, device_minor;
  unsigned long long rest[14];
} LinuxStat;
_Static_assert(sizeof(LinuxStat) == 256, "struct statx");
typedef struct { byte system[65], node[65], release[65], version[65], machine[65], domain[65]; } LinuxNames;
/* siginfo of waitid: on 64 bits, the union begins at byte 16. */
typedef struct {
  int signal, error, code;
#if __SIZEOF_POINTER__ == 8
  int padding;
#endif
  int process, user, status, rest[26];
} LinuxChild;

#define P(pointer) ((long)(pointer))
#define HERE (-100L) /* AT_FDCWD */

INLINE long linux_read(int d, void *NONNULL to, long count) { return linux_call3(d, P(to), count, CALL_read); }
INLINE long linux_write(int d, const void *NONNULL from, long count) { return linux_call3(d, P(from), count, CALL_write); }
INLINE long linux_close(int d) { return linux_call3(d, 0, 0, CALL_close); }
OUTLINE long linux_open(const byte *NONNULL path, int flags, int mode);
OUTLINE long linux_stat(const byte *NONNULL path, int flags, LinuxStat *NONNULL into);
/* The kernel has 16 bits of `mode`, and 16 that are 0 behind them. */
INLINE long linux_stat_filled(long status, LinuxStat *NONNULL into) {
  (void)into;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  if (status >= 0) into->mode >>= 16;
#endif
  return status;
}
INLINE long linux_stat_open(int d, LinuxStat *NONNULL into) {
  return linux_stat_filled(linux_call(d, P(""), 0x1000, 0x7ff, P(into), 0, CALL_statx), into);
}
/* The new position, or a negated errno. */
INLINE wide linux_seek(int d, wide offset, int whence) {
#if __SIZEOF_POINTER__ == 8
  return linux_call3(d, offset, whence, CALL_lseek);
#else
  wide result = 0;
  long status = linux_call(d, (long)(offset >> 32), (long)offset, P(&result), whence, 0, CALL_lseek);
  return status < 0 ? status : result;
#endif
}
INLINE long linux_directory(int d, void *NONNULL to, long count) { return linux_call3(d, P(to), count, CALL_getdents64); }
INLINE long linux_readlink(const byte *NONNULL path, byte *NONNULL to, long count) {
  return linux_call(HERE, P(path), P(to), count, 0, 0, CALL_readlinkat);
}
INLINE long linux_mkdir(const byte *NONNULL path, int mode) { return linux_call3(HERE, P(path), mode, CALL_mkdirat); }
INLINE long linux_unlink(const byte *NONNULL path, int flags) { return linux_call3(HERE, P(path), flags, CALL_unlinkat); }
INLINE long linux_symlink(const byte *NONNULL target, const byte *NONNULL path) {
  return linux_call3(P(target), HERE, P(path), CALL_symlinkat);
}
INLINE long linux_mknod(const byte *NONNULL path, int mode, int device) {
  return linux_call(HERE, P(path), mode, device, 0, 0, CALL_mknodat);
}
INLINE long linux_chmod(const byte *NONNULL path, int mode) { return linux_call3(HERE, P(path), mode, CALL_fchmodat); }
/* Of the link itself. */
INLINE long linux_chown(const byte *NONNULL path, int user, int group) {
  return linux_call(HERE, P(path), user, group, 0x100, 0, CALL_fchownat);
}
/* Access and modification time, of the link itself. */
INLINE long linux_set_times(const byte *NONNULL path, const LinuxTime *NONNULL two) {
  return linux_call(HERE, P(path), P(two), 0x100, 0, 0, CALL_utimensat);
}
INLINE long linux_access(const byte *NONNULL path, int mode) { return linux_call3(HERE, P(path), mode, CALL_faccessat); }
INLINE long linux_chdir(const byte *NONNULL path) { return linux_call3(P(path), 0, 0, CALL_chdir); }
INLINE long linux_getcwd(byte *NONNULL to, long count) { return linux_call3(P(to), count, 0, CALL_getcwd); }
INLINE long linux_umask(int mask) { return linux_call3(mask, 0, 0, CALL_umask); }
INLINE long linux_dup(int from, int to) { return linux_call3(from, to, 0, CALL_dup3); }
INLINE long linux_fcntl(int d, int command, long value) { return linux_call3(d, command, value, CALL_fcntl); }
INLINE long linux_ioctl(int d, long request, void *NULLABLE value) { return linux_call3(d, request, P(value), CALL_ioctl); }
/* Both ends, closed on exec. */
INLINE long linux_pipe(int *NONNULL two) { return linux_call3(P(two), 02000000, 0, CALL_pipe2); }
INLINE long linux_mount(const byte *NONNULL source, const byte *NONNULL target, const byte *NULLABLE type, long flags,
                        const byte *NULLABLE data) {
  return linux_call(P(source), P(target), P(type), flags, P(data), 0, CALL_mount);
}
INLINE long linux_umount(const byte *NONNULL target, int flags) { return linux_call3(P(target), flags, 0, CALL_umount2); }
INLINE void linux_sync(void) { linux_call3(0, 0, 0, CALL_sync); }
INLINE long linux_reboot(unsigned command) {
  return linux_call3((long)0xfee1dead, 672274793, (long)command, CALL_reboot);
}
INLINE long linux_uname(LinuxNames *NONNULL into) { return linux_call3(P(into), 0, 0, CALL_uname); }
INLINE long linux_syslog(int action, void *NULLABLE to, int count) { return linux_call3(action, P(to), count, CALL_syslog); }
INLINE long linux_clock(LinuxTime *NONNULL into) { return linux_call3(0, P(into), 0, CALL_clock_gettime); }
INLINE long linux_set_clock(const LinuxTime *NONNULL to) { return linux_call3(0, P(to), 0, CALL_clock_settime); }
/* `time` is what is left, when a signal ends the sleep. */
INLINE long linux_sleep(LinuxTime *NONNULL time) {
  return linux_call(1, 0, P(time), P(time), 0, 0, CALL_clock_nanosleep);
}
INLINE long linux_kill(int process, int signal) { return linux_call3(process, signal, 0, CALL_kill); }
/* Process 0: this one; group 0: one of its own. */
INLINE long linux_set_group(int process, long group) { return linux_call3(process, group, 0, CALL_setpgid); }
INLINE long linux_setsid(void) { return linux_call3(0, 0, 0, CALL_setsid); }
INLINE long linux_process(void) { return linux_call3(0, 0, 0, CALL_getpid); }
INLINE long linux_parent(void) { return linux_call3(0, 0, 0, CALL_getppid); }
INLINE long linux_user(void) { return linux_call3(0, 0, 0, CALL_geteuid); }
/* Any child (process 0), one, or one of a group (negative). */
INLINE long linux_wait(int process, LinuxChild *NONNULL into, int options) {
  int kind = process < 0 ? 2 : process > 0;
  return linux_call(kind, process < 0 ? -process : process, P(into), options, 0, 0, CALL_waitid);
}
INLINE long linux_exec(const byte *NONNULL path, byte *NULLABLE const *NONNULL arguments,
                       byte *NULLABLE const *NONNULL environment) {
  return linux_call3(P(path), P(arguments), P(environment), CALL_execve);
}
/* Private memory of zeros, whole pages; nothing reaches it by name. */
INLINE long linux_map(long count) { return linux_call(0, count, 3, 0x22, -1, 0, CALL_mmap); }
INLINE long linux_unmap(void *NONNULL start, long count) { return linux_call3(P(start), count, 0, CALL_munmap); }
/* 0: SIG_DFL, 1: SIG_IGN, and returns which it was; -1 only asks. There are no handlers here. */
OUTLINE long linux_signal(int signal, long disposition);
/* The kernel has a set of signals as words, the lowest first. */
INLINE unsigned long long linux_words_of(unsigned long long signals) {
#if __SIZEOF_POINTER__ == 4 && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  return signals << 32 | signals >> 32;
#else
  return signals;
#endif
}
/* 0: block, 1: unblock, 2: set. */
INLINE long linux_mask(int how, unsigned long long signals) {
  signals = linux_words_of(signals);
  return linux_call(how, P(&signals), 0, 8, 0, 0, CALL_rt_sigprocmask);
}
/* The number of a blocked signal of `signals` that arrives within `time` (none: however long it takes). */
INLINE long linux_signal_wait(unsigned long long signals, const LinuxTime *NULLABLE time) {
  signals = linux_words_of(signals);
  return linux_call(P(&signals), 0, P(time), 8, 0, 0, CALL_rt_sigtimedwait);
}

/* Runs `child(context)` in a new process that shares this one's memory; this one goes on when the child has called exec
 * or exit. The child's process number, or a negated errno. There is no fork without an MMU. (start.c) */
__attribute__((visibility("hidden"))) long linux_vfork(void (*NONNULL child)(void *NONNULL), void *NONNULL context);

_Noreturn INLINE void linux_exit(int status) {
  for (;;) linux_call3(status, 0, 0, CALL_exit_group);
}

#endif
