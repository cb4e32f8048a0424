// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
/*
 * Decompression from page-cache pages to page-cache pages: nothing is mapped, no extent is bounced, and no codec has a
 * dictionary or a window of its own, since the pages being filled are all the history that an extent has. The decoders
 * are made from Swift (erofs_pages.c); here is what they need of the kernel.
 */
#if defined(CONFIG_MMU) || defined(CONFIG_HIGHMEM)
#error "decoding from pages to pages is for kernels without an MMU, where each page has an address of its own"
#endif

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include "pages.h"
#include "pages_release.h"

/* --- codecs' tables: one set for each CPU, lent for one request --- */

struct pages_tables {
	struct list_head list;
	void *memory;
	size_t size;
};

static LIST_HEAD(pages_idle);
static DEFINE_SPINLOCK(pages_idle_lock);
static DECLARE_WAIT_QUEUE_HEAD(pages_idle_wait);
/* Guards the number of tables, and lets one mount at a time enlarge them. */
static DEFINE_MUTEX(pages_tables_mutex);
static unsigned int pages_tables_count;

static struct pages_tables *pages_tables_try(void)
{
	struct pages_tables *tables;

	spin_lock(&pages_idle_lock);
	tables = list_first_entry_or_null(&pages_idle, struct pages_tables, list);
	if (tables)
		list_del(&tables->list);
	spin_unlock(&pages_idle_lock);
	return tables;
}

static struct pages_tables *pages_tables_get(void)
{
	struct pages_tables *tables;

	wait_event(pages_idle_wait, (tables = pages_tables_try()));
	return tables;
}

static void pages_tables_put(struct pages_tables *tables)
{
	spin_lock(&pages_idle_lock);
	list_add(&tables->list, &pages_idle);
	spin_unlock(&pages_idle_lock);
	wake_up(&pages_idle_wait);
}

/* Makes sure of size bytes. Whole pages in a run, and no more of them than that: a power of two would be wasteful. */
static bool pages_tables_hold(struct pages_tables *tables, size_t size, gfp_t gfp)
{
	void *memory;

	if (tables->size >= size)
		return true;
	size = PAGE_ALIGN(size);
	memory = alloc_pages_exact(size, gfp | __GFP_NOWARN);
	if (!memory)
		return false;
	if (tables->memory)
		free_pages_exact(tables->memory, tables->size);
	tables->memory = memory;
	tables->size = size;
	return true;
}

/* At mount: tables for each CPU, large enough for an algorithm's usual streams. */
static int pages_tables_reserve(int algorithm)
{
	size_t size = erofs_pages_working_bytes(algorithm, -1);
	struct pages_tables *tables, *next;
	LIST_HEAD(all);
	unsigned int i;
	int err = 0;

	mutex_lock(&pages_tables_mutex);
	while (pages_tables_count < num_possible_cpus()) {
		tables = kzalloc(sizeof(*tables), GFP_KERNEL);
		if (!tables) {
			err = -ENOMEM;
			break;
		}
		++pages_tables_count;
		pages_tables_put(tables);
	}
	/* All of them out, then all of them back. */
	for (i = 0; i < pages_tables_count; ++i)
		list_add(&pages_tables_get()->list, &all);
	list_for_each_entry_safe(tables, next, &all, list) {
		if (!err && !pages_tables_hold(tables, size, GFP_KERNEL))
			err = -ENOMEM;
		pages_tables_put(tables);
	}
	mutex_unlock(&pages_tables_mutex);
	return err;
}

/* Called once for each algorithm, when nothing is being decoded. The first call frees all tables; later calls find none. */
static void pages_exit(void)
{
	struct pages_tables *tables;

	while ((tables = pages_tables_try())) {
		if (tables->memory)
			free_pages_exact(tables->memory, tables->size);
		kfree(tables);
		--pages_tables_count;
	}
}

/* --- pages --- */

/*
 * A page for this request. A reader that waits for it holds as many locked pages as the extent has, which nobody can take
 * back, and gives all of them up once it has it: so it may go deeper into what is kept in reserve.
 */
static struct page *pages_borrow(struct z_erofs_decompress_req *rq, struct page **pagepool)
{
	gfp_t gfp = pages_gfp(rq);
	struct page *page = erofs_allocpage(pagepool, gfp | (gfpflags_allow_blocking(gfp) ? __GFP_HIGH : 0));

	if (page)
		set_page_private(page, Z_EROFS_SHORTLIVED_PAGE);
	return page;
}

/* Older kernels do not say how many pages there are. */
static unsigned int pages_in(const struct z_erofs_decompress_req *rq)
{
	return PAGE_ALIGN(rq->pageofs_in + rq->inputsize) >> PAGE_SHIFT;
}

static unsigned int pages_out(const struct z_erofs_decompress_req *rq)
{
	return PAGE_ALIGN(rq->pageofs_out + rq->outputsize) >> PAGE_SHIFT;
}

/* Pages in which a match can end: one more than its reach, since both ends may be inside a page. */
static unsigned int pages_window(const struct z_erofs_decompress_req *rq, int algorithm)
{
	unsigned int reach = EROFS_PAGES_REACH(algorithm);

	return reach ? reach / PAGE_SIZE + 1 : pages_out(rq);
}

/*
 * Gives every place of the output a page: what nobody asked for is still history for what comes after it. If an algorithm
 * has a farthest match, a page beyond it is history no more, so such places share as few pages as that takes; unless the
 * caller copies from them later.
 */
static int pages_fill_gaps(struct z_erofs_decompress_req *rq, int algorithm, struct page **pagepool)
{
	unsigned int window = rq->fillgaps ? pages_out(rq) : pages_window(rq, algorithm);
	unsigned int i, gaps = 0, oldest = 0;

	for (i = 0; i < pages_out(rq); ++i) {
		if (rq->out[i])
			continue;
		if (gaps >= window) {
			/* The oldest gap is at least so many pages back. */
			while (!z_erofs_is_shortlived_page(rq->out[oldest]))
				++oldest;
			rq->out[i] = rq->out[oldest++];
			continue;
		}
		rq->out[i] = pages_borrow(rq, pagepool);
		if (!rq->out[i])
			return -ENOMEM;
		++gaps;
	}
	return 0;
}

/* A page in several places is given back once. */
static void pages_forget_repeats(struct z_erofs_decompress_req *rq, int algorithm)
{
	unsigned int window = pages_window(rq, algorithm);
	unsigned int i, gaps = 0;

	if (rq->fillgaps)
		return;
	for (i = 0; i < pages_out(rq); ++i)
		if (rq->out[i] && z_erofs_is_shortlived_page(rq->out[i]) && gaps++ >= window)
			rq->out[i] = NULL;
}

/* Whether the stored bytes are in the last pages of the output, and far enough after it for this algorithm. */
static bool pages_may_stay(const struct z_erofs_decompress_req *rq, int algorithm)
{
	unsigned int end = rq->pageofs_out + rq->outputsize;
	long margin = EROFS_PAGES_MARGIN(algorithm, rq->inputsize);
	unsigned int i;

	if (margin < 0 || rq->partial_decoding ||
	    pages_in(rq) > pages_out(rq) || (rq->pageofs_in + rq->inputsize) & ~PAGE_MASK ||
	    PAGE_ALIGN(end) - end < margin)
		return false;
	for (i = 0; i < pages_in(rq); ++i)
		if (rq->out[pages_out(rq) - pages_in(rq) + i] != rq->in[i])
			return false;
	return true;
}

/* The arrays hold page structures before and after, and addresses meanwhile: the decoders look nothing up. */
static void **pages_to_addresses(struct page **pages, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; ++i)
		pages[i] = page_address(pages[i]);
	return (void **)pages;
}

static void pages_from_addresses(struct page **pages, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; ++i)
		pages[i] = virt_to_page((void *)pages[i]);
}

/* A request, and where its spare pages come from. */
struct pages_call {
	struct erofs_pages_request request;
	struct z_erofs_decompress_req *rq;
	struct page **pagepool;
};

/* As a page of the input it goes back with all others that are short-lived. */
void *erofs_pages_spare(const struct erofs_pages_request *request)
{
	const struct pages_call *call = container_of((struct erofs_pages_request *)request, struct pages_call, request);
	struct page *page = pages_borrow(call->rq, call->pagepool);

	return page ? page_address(page) : NULL;
}

static const char *const pages_reasons[] = {
	[EROFS_PAGES_INPUT_ENDED] = "stored data ends early",
	[EROFS_PAGES_INVALID] = "corrupted compressed data",
	[EROFS_PAGES_DISTANCE] = "match before the start",
	[EROFS_PAGES_SHORT] = "unexpected end of stream",
	[EROFS_PAGES_LONG] = "stream longer than its extent",
	[EROFS_PAGES_TRAILING] = "stored data behind the stream",
	[EROFS_PAGES_UNSUPPORTED] = "unsupported stream",
};

typedef int pages_decoder(const struct erofs_pages_request *request);

static pages_verdict pages_decode(struct z_erofs_decompress_req *rq, int algorithm, pages_decoder *decode,
				  struct page **pagepool)
{
	struct pages_tables *tables = NULL;
	struct pages_call call;
	bool padded = pages_are_padded(rq);
	u8 *head = page_address(*rq->in);
	pages_verdict verdict = PAGES_RIGHT;
	size_t needed;
	int in_place, result, err;

	/* The padding ends in the first block, which may begin anywhere in a page. */
	if (padded)
		verdict = z_erofs_fixup_insize(rq, head + rq->pageofs_in,
				min_t(unsigned int, rq->inputsize,
				      rq->sb->s_blocksize - (rq->pageofs_in & (rq->sb->s_blocksize - 1))));
	if (verdict)
		return verdict;
	needed = erofs_pages_working_bytes(algorithm, head[rq->pageofs_in]);

	err = pages_fill_gaps(rq, algorithm, pagepool);
	in_place = rq->inplace_io && !(padded && pages_may_stay(rq, algorithm));
	if (!err && needed) {
		tables = pages_tables_get();
		if (!pages_tables_hold(tables, needed, pages_gfp(rq)))
			err = -ENOMEM;
	}
	if (err)
		goto out;

	call.rq = rq;
	call.pagepool = pagepool;
	call.request = (struct erofs_pages_request) {
		.in = pages_to_addresses(rq->in, pages_in(rq)),
		.in_offset = rq->pageofs_in,
		.in_size = rq->inputsize,
		.out = pages_to_addresses(rq->out, pages_out(rq)),
		.out_offset = rq->pageofs_out,
		.out_size = rq->outputsize,
		.memory = tables ? tables->memory : NULL,
		.memory_size = tables ? tables->size : 0,
		.page_shift = PAGE_SHIFT,
		.partial = rq->partial_decoding || !padded,
		.in_place = in_place,
	};
	result = decode(&call.request);
	pages_from_addresses(rq->in, pages_in(rq));
	pages_from_addresses(rq->out, pages_out(rq));
	if (result == EROFS_PAGES_MEMORY)
		err = -ENOMEM;
	else if (result)
		verdict = pages_refuse(rq, 0, pages_reasons[result]);
out:
	if (err)
		verdict = pages_refuse(rq, err, NULL);
	if (tables)
		pages_tables_put(tables);
	pages_forget_repeats(rq, algorithm);
	return verdict;
}

/* --- algorithms --- */

pages_verdict z_erofs_pages_lz4(struct z_erofs_decompress_req *rq, struct page **pagepool)
{
	return pages_decode(rq, Z_EROFS_COMPRESSION_LZ4, erofs_pages_lz4, pagepool);
}

/*
 * How large a dictionary or a window is does not matter here: the output is both. What does is a field by which Linux knows
 * the streams of this version, which no record may have above the largest value. What a kernel calls has a name of its own
 * for each algorithm, in older ones, or is in an object.
 */
#define EROFS_PAGES_OPTIONAL(word, NAME, field, largest)							\
EROFS_PAGES_FUNCTION int z_erofs_load_##word##_config(struct super_block *sb, struct erofs_super_block *dsb,	\
						      void *data, int size)					\
{														\
	struct z_erofs_##word##_cfgs *cfgs = data;								\
														\
	if (!cfgs || size < sizeof(*cfgs) || (__force unsigned int)cfgs->field > largest) {			\
		erofs_err(sb, "unknown " #NAME " configuration of %d bytes", size);				\
		return -EINVAL;											\
	}													\
	return pages_tables_reserve(Z_EROFS_COMPRESSION_##NAME);						\
}														\
														\
EROFS_PAGES_FUNCTION pages_verdict z_erofs_##word##_decompress(struct z_erofs_decompress_req *rq,		\
							       struct page **pagepool)				\
{														\
	return pages_decode(rq, Z_EROFS_COMPRESSION_##NAME, erofs_pages_##word, pagepool);			\
}														\
														\
EROFS_PAGES_FUNCTION int EROFS_PAGES_INIT z_erofs_##word##_init(void)						\
{														\
	return 0;												\
}														\
														\
EROFS_PAGES_FUNCTION void z_erofs_##word##_exit(void)								\
{														\
	pages_exit();												\
}														\
EROFS_PAGES_OBJECT(word)

EROFS_PAGES_OPTIONAL_CODECS
