//! Memory that the caller writes, and what it lends.

use crate::answer::handle;
use atome::ModelBytes;

/// Room for arguments, of a multiple of 4; 0 if there is none.
#[unsafe(no_mangle)]
extern "C" fn room_open(bytes: usize) -> *mut Vec<u32> {
    let mut room = Vec::<u32>::new();
    let words = bytes.div_ceil(4);
    let made = room.try_reserve_exact(words);
    handle(made.map(|()| {
        room.resize(words, 0);
        room
    }))
}

/// Where it is.
#[unsafe(no_mangle)]
unsafe extern "C" fn room_at(room: *const Vec<u32>) -> *const u32 {
    // SAFETY: the caller's handle.
    unsafe { borrowed(room) }.as_ptr()
}

/// Frees it.
#[unsafe(no_mangle)]
unsafe extern "C" fn room_close(room: *mut Vec<u32>) {
    // SAFETY: the caller's handle, for the last time.
    unsafe { closed(room) }
}

/// Room for the bytes of a model's file; 0 if there is none.
#[unsafe(no_mangle)]
extern "C" fn bytes_open(len: usize) -> *mut ModelBytes {
    let bytes = ModelBytes::new(len);
    handle(bytes.ok_or_else(|| format!("there is no memory for a model of {len} bytes")))
}

/// Where it is.
#[unsafe(no_mangle)]
unsafe extern "C" fn bytes_at(bytes: *mut ModelBytes) -> *mut u8 {
    // SAFETY: the caller's handle.
    unsafe { borrowed_mut(bytes) }.as_mut_slice().as_mut_ptr()
}

/// Frees it, if no model was made of it.
#[unsafe(no_mangle)]
unsafe extern "C" fn bytes_close(bytes: *mut ModelBytes) {
    // SAFETY: the caller's handle, for the last time.
    unsafe { closed(bytes) }
}

/// What a handle is of.
///
/// # Safety
/// The handle is not 0 and not closed, and nothing changes the value meanwhile.
pub(crate) unsafe fn borrowed<'a, T>(handle: *const T) -> &'a T {
    // SAFETY: the caller's promise.
    unsafe { &*handle }
}

/// What a handle is of, to be changed.
///
/// # Safety
/// As of [`borrowed`], and nothing reads the value meanwhile.
pub(crate) unsafe fn borrowed_mut<'a, T>(handle: *mut T) -> &'a mut T {
    // SAFETY: the caller's promise.
    unsafe { &mut *handle }
}

/// Takes what a handle is of.
///
/// # Safety
/// As of [`borrowed_mut`]; the handle is used no more.
pub(crate) unsafe fn taken<T>(handle: *mut T) -> Box<T> {
    // SAFETY: the caller's promise; it was boxed when it was made.
    unsafe { Box::from_raw(handle) }
}

/// Drops what a handle is of, if it is not 0.
///
/// # Safety
/// As of [`taken`].
pub(crate) unsafe fn closed<T>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: the caller's promise.
        drop(unsafe { taken(handle) });
    }
}

/// Elements that the caller lends.
///
/// # Safety
/// The address is that of so many elements in room that the caller has, which nothing writes meanwhile; or there are none.
pub(crate) unsafe fn lent<'a, T>(at: *const T, count: usize) -> &'a [T] {
    if count == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(at, count) }
}
