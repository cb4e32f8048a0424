/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/*
 * Between mm/nommu_vmap.c and the virtual map, which is made from Swift. Both compilers read it, so it needs no kernel header.
 */
#ifndef NOMMU_VMAP_H
#define NOMMU_VMAP_H

#ifndef __clang__
#define _Nonnull
#define _Nullable
#endif

struct page;

/* In the map: the vmap family. */
enum nommu_vmap_mode {
	NOMMU_VMAP_COPY_BACK,
	NOMMU_VMAP_MERGE_BACK,
	NOMMU_VMAP_READ_ONLY,
};

void *_Nullable nommu_vmap_map(struct page *_Nonnull const *_Nonnull pages, long count, int mode);
/* pages is what the caller says was mapped; negative where it does not say. */
void nommu_vmap_unmap(const void *_Nonnull address, long pages);

/* In C: what the map needs of the kernel. A page has 1 << page_shift bytes, which some processors choose at configuration. */
long nommu_vmap_page_shift(void);
void *_Nonnull nommu_vmap_address(struct page *_Nonnull page);
void *_Nullable nommu_vmap_allocate_run(long pages);
void nommu_vmap_free_run(void *_Nonnull start, long pages);
void *_Nullable nommu_vmap_allocate_record(long bytes);
void nommu_vmap_free_record(void *_Nonnull start);
void nommu_vmap_lock(void);
void nommu_vmap_unlock(void);
void nommu_vmap_warn_unknown(unsigned long address);
void nommu_vmap_warn_count(unsigned long address, long mapped, long unmapped);

#endif
