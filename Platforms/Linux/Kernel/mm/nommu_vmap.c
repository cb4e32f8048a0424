// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
/*
 * The vmap family without an MMU. The map itself is made from Swift (nommu_vmap_core.c); here are the kernel's entries to it,
 * and what it needs of the kernel.
 */
#if defined(CONFIG_MMU) || defined(CONFIG_HIGHMEM)
#error "this vmap is for kernels without an MMU, where each page has an address of its own"
#endif

#include <linux/export.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include "nommu_vmap.h"

static int nommu_vmap_default = NOMMU_VMAP_MERGE_BACK;
static DEFINE_SPINLOCK(nommu_vmap_spinlock);

static int __init nommu_vmap_setup(char *text)
{
	if (!strcmp(text, "copyback"))
		nommu_vmap_default = NOMMU_VMAP_COPY_BACK;
	else if (strcmp(text, "mergeback"))
		pr_warn("nommu_vmap: %s is neither copyback nor mergeback\n", text);
	return 0;
}
early_param("nommu_vmap", nommu_vmap_setup);

/* The map takes a list where pointers lie at multiples of their size. On m68k, one on a stack may lie at any even address. */
static void *nommu_vmap_map_list(struct page **pages, unsigned int count, int mode)
{
	struct page **aligned;
	void *address;

	if (IS_ALIGNED((unsigned long)pages, sizeof(*pages)))
		return nommu_vmap_map(pages, count, mode);
	aligned = kmalloc_array(count, sizeof(*pages), GFP_KERNEL | __GFP_NOWARN);
	if (!aligned)
		return NULL;
	memcpy(aligned, pages, count * sizeof(*pages));
	address = nommu_vmap_map(aligned, count, mode);
	kfree(aligned);
	return address;
}

/* --- what kernel code calls --- */

void *vmap(struct page **pages, unsigned int count, unsigned long flags, pgprot_t prot)
{
	/* Where there is such a protection at all; most ports without an MMU have one for everything. */
	bool read_only = pgprot_val(prot) == pgprot_val(PAGE_KERNEL_RO) && pgprot_val(prot) != pgprot_val(PAGE_KERNEL);

	might_sleep();
	/* The mapping would own its pages and be undone by vfree(), which knows of no mappings here. */
	if (WARN_ON_ONCE(flags & VM_MAP_PUT_PAGES))
		return NULL;
	return nommu_vmap_map_list(pages, count, read_only ? NOMMU_VMAP_READ_ONLY : nommu_vmap_default);
}
EXPORT_SYMBOL(vmap);

void vunmap(const void *addr)
{
	if (addr)
		nommu_vmap_unmap(addr, -1);
}
EXPORT_SYMBOL(vunmap);

void *vm_map_ram(struct page **pages, unsigned int count, int node)
{
	might_sleep();
	return nommu_vmap_map_list(pages, count, nommu_vmap_default);
}
EXPORT_SYMBOL(vm_map_ram);

void vm_unmap_ram(const void *mem, unsigned int count)
{
	if (mem)
		nommu_vmap_unmap(mem, count);
}
EXPORT_SYMBOL(vm_unmap_ram);

/* --- what the map calls --- */

long nommu_vmap_page_shift(void)
{
	return PAGE_SHIFT;
}

void *nommu_vmap_address(struct page *page)
{
	return page_address(page);
}

void *nommu_vmap_allocate_run(long pages)
{
	return alloc_pages_exact(pages << PAGE_SHIFT, GFP_KERNEL | __GFP_NOWARN);
}

void nommu_vmap_free_run(void *start, long pages)
{
	free_pages_exact(start, pages << PAGE_SHIFT);
}

void *nommu_vmap_allocate_record(long bytes)
{
	return kmalloc(bytes, GFP_KERNEL | __GFP_NOWARN);
}

void nommu_vmap_free_record(void *start)
{
	kfree(start);
}

void nommu_vmap_lock(void)
{
	spin_lock(&nommu_vmap_spinlock);
}

void nommu_vmap_unlock(void)
{
	spin_unlock(&nommu_vmap_spinlock);
}

void nommu_vmap_warn_unknown(unsigned long address)
{
	WARN_ONCE(1, "nommu_vmap: nothing is mapped at %px\n", (void *)address);
}

void nommu_vmap_warn_count(unsigned long address, long mapped, long unmapped)
{
	WARN_ONCE(1, "nommu_vmap: %ld pages were mapped at %px, not %ld\n", mapped, (void *)address, unmapped);
}
