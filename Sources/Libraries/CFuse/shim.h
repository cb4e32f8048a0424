/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/* libfuse's low-level API as of 3.14. Some of its functions are macros or differ by version: those are wrapped here. */
#define FUSE_USE_VERSION 314
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdlib.h>

static inline struct fuse_session *erofs_fuse_new(int count, char **words, const struct fuse_lowlevel_ops *operations,
                                                  void *user)
{
	struct fuse_args arguments = FUSE_ARGS_INIT(count, words);

	return fuse_session_new(&arguments, operations, sizeof(*operations), user);
}

static inline int erofs_fuse_loop(struct fuse_session *session, unsigned threads)
{
	struct fuse_loop_config *config;
	int result;

	if (threads <= 1)
		return fuse_session_loop(session);
	config = fuse_loop_cfg_create();
	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_clone_fd(config, 0);
	fuse_loop_cfg_set_max_threads(config, threads);
	fuse_loop_cfg_set_idle_threads(config, threads);
	result = fuse_session_loop_mt(session, config);
	fuse_loop_cfg_destroy(config);
	return result;
}

/* Bit fields, which Swift cannot set by name. */
static inline void erofs_fuse_keep(struct fuse_file_info *file, int directory)
{
	if (directory)
		file->cache_readdir = 1;
	file->keep_cache = 1;
}
