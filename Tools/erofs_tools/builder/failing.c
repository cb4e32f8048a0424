// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
// Preloaded, lets one call of a program fail with EIO: of the kind FAIL_KIND (read or write) the one with number FAIL_NUMBER,
// from 1 on. Then the file FAIL_MARK is created, so that a call that was never made can be told from one whose failure did no
// harm.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(const char *kind) {
  static atomic_int calls;
  const char *wanted = getenv("FAIL_KIND"), *number = getenv("FAIL_NUMBER"), *mark = getenv("FAIL_MARK");
  if (!wanted || !number || !mark || strcmp(wanted, kind)) return 0;
  if (atomic_fetch_add(&calls, 1) + 1 != atoi(number)) return 0;
  int file = syscall(SYS_openat, AT_FDCWD, mark, O_CREAT | O_WRONLY, 0600);
  if (file >= 0) close(file);
  errno = EIO;
  return 1;
}

#define WRAP(kind, type, name, parameters, arguments)                                \
  type name parameters {                                                             \
    static type(*real) parameters;                                                   \
    if (!real) real = (type(*) parameters)dlsym(RTLD_NEXT, #name);                   \
    return fails(kind) ? (type)-1 : real arguments;                                  \
  }

WRAP("read", ssize_t, pread, (int f, void *b, size_t n, off_t o), (f, b, n, o))
WRAP("read", ssize_t, pread64, (int f, void *b, size_t n, off64_t o), (f, b, n, o))
WRAP("read", off_t, lseek, (int f, off_t o, int w), (f, o, w))
WRAP("read", off64_t, lseek64, (int f, off64_t o, int w), (f, o, w))
WRAP("read", ssize_t, readlinkat, (int d, const char *p, char *b, size_t n), (d, p, b, n))
WRAP("write", ssize_t, pwrite, (int f, const void *b, size_t n, off_t o), (f, b, n, o))
WRAP("write", ssize_t, pwrite64, (int f, const void *b, size_t n, off64_t o), (f, b, n, o))
WRAP("write", int, ftruncate, (int f, off_t n), (f, n))
WRAP("write", int, ftruncate64, (int f, off64_t n), (f, n))
WRAP("write", int, fsync, (int f), (f))
WRAP("write", int, linkat, (int a, const char *p, int b, const char *q, int g), (a, p, b, q, g))
WRAP("write", int, renameat, (int a, const char *p, int b, const char *q), (a, p, b, q))
