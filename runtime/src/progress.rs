/// Called with `(done_bytes, total_bytes)`.
pub type Progress<'a> = &'a mut (dyn FnMut(usize, usize) + Send);
