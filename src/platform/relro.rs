//! What is read-only once addresses are put in (`PT_GNU_RELRO`, elf(5)). A dynamic linker sees to that; in
//! a static executable musl puts the addresses in and leaves the pages writable.

use core::slice;

#[cfg(target_pointer_width = "32")]
use libc::Elf32_Phdr as Header;
#[cfg(target_pointer_width = "64")]
use libc::Elf64_Phdr as Header;

/// Makes these pages read-only. If the kernel does not want to, they stay as they are.
pub fn protect_relocated() {
    // SAFETY: the call takes a number, and returns what the kernel has passed, or 0.
    let auxiliary = |kind| unsafe { libc::getauxval(kind) } as usize;
    let (headers, count) = (auxiliary(libc::AT_PHDR), auxiliary(libc::AT_PHNUM));
    let page = auxiliary(libc::AT_PAGESZ);
    if headers == 0 || page == 0 {
        return;
    }
    // SAFETY: the kernel has loaded that many headers of this program there, and nothing writes to them.
    let headers_there = unsafe { slice::from_raw_parts(headers as *const Header, count) };
    let find = |kind| headers_there.iter().find(|header| header.p_type == kind);
    let (Some(own), Some(relocated)) = (find(libc::PT_PHDR), find(libc::PT_GNU_RELRO)) else {
        return;
    };
    // Where address 0 of the file has come to be.
    let base = headers.wrapping_sub(own.p_vaddr as usize);
    let start = base.wrapping_add(relocated.p_vaddr as usize) & !(page - 1);
    let end = base.wrapping_add((relocated.p_vaddr + relocated.p_memsz) as usize) & !(page - 1);
    // SAFETY: the linker starts a segment with what is only written by relocation, and nothing but that is on these pages, as
    // the end is rounded down.
    unsafe { libc::mprotect(start as *mut _, end.saturating_sub(start), libc::PROT_READ) };
}
