/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/* libfuse's low-level API as of 3.14. Some of its functions are macros or differ by version: those are wrapped here. */
#define FUSE_USE_VERSION 314
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline struct fuse_session *erofs_fuse_new(int count, char **words, const struct fuse_lowlevel_ops *operations,
                                                  void *user)
{
	struct fuse_args arguments = FUSE_ARGS_INIT(count, words);

	return fuse_session_new(&arguments, operations, sizeof(*operations), user);
}

/* Bit fields, which Swift cannot set by name. */
static inline void erofs_fuse_keep(struct fuse_file_info *file, int directory)
{
	if (directory)
		file->cache_readdir = 1;
	file->keep_cache = 1;
}

/* Lets the signals that end a mount through: a parent may have blocked them, and a process inherits that. */
static inline void erofs_fuse_unblock_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
}

/*
 * Memory of extents goes back to the system when it is freed. glibc would soon keep it for the thread that freed it, and with
 * several threads that is a multiple of what is in use.
 */
static inline void erofs_fuse_return_memory(void)
{
#ifdef __GLIBC__
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	mallopt(M_TRIM_THRESHOLD, 1 << 20);
#endif
}

/*
 * Starts a process that waits for the end of this one, and then unmounts a directory whose server has died. Swift cannot fork.
 * The process keeps no descriptor but its end of a pipe: one of /dev/fuse would keep the mount waiting for answers.
 *
 * directory: from the root. To be called while this process has one thread. Returns 0, or a negative errno.
 */
static inline int erofs_fuse_watch(const char *directory)
{
	int ends[2], status;
	struct statvfs seen;
	pid_t child;
	char byte;

	if (pipe(ends))
		return -errno;
	/* The other end stays open for as long as this process lives, and goes to no program that it runs. */
	if (fcntl(ends[1], F_SETFD, FD_CLOEXEC) || (child = fork()) < 0) {
		status = -errno;
		close(ends[0]);
		close(ends[1]);
		return status;
	}
	if (child > 0) {
		close(ends[0]);
		return 0;
	}
	setsid();
	prctl(PR_SET_NAME, "erofs-unmount");
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (chdir("/") || dup2(ends[0], 0) < 0)
		_exit(1);
	/* Linux before 5.9 has no such call, and a process that has just mounted has few descriptors. */
	if (syscall(SYS_close_range, 1, ~0U, 0))
		for (int file = 1; file < 1024; file++)
			close(file);
	while (read(0, &byte, 1) < 0 && errno == EINTR)
		;
	/* Unlike stat, this is never answered from what the kernel has kept. */
	if (!statvfs(directory, &seen) || (errno != ENOTCONN && errno != ECONNABORTED))
		_exit(0);
	/* What is still open there gives errors; the name is free again. */
	if (umount2(directory, MNT_DETACH | UMOUNT_NOFOLLOW) && errno == EPERM)
		execlp("fusermount3", "fusermount3", "-u", "-z", "-q", "--", directory, (char *)NULL);
	_exit(0);
}
