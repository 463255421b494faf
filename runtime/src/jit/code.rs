use cranelift_jit::JITModule;
use cranelift_module::FuncId;

/// Machine code of one model, executable and never writable again; freed when dropped.
///
/// Addresses from [`Code::entry`] must not be called after that.
pub struct Code {
    /// `None` only while it is dropped.
    module: Option<JITModule>,
    bytes: usize,
}

// SAFETY: `JITModule` is `Send`; it is not `Sync` because of its memory's raw pointers and the
// cell that caches symbols it looked up. After `finish` no method of `Code` looks a symbol up
// or writes through those pointers: shared references only read finished addresses.
unsafe impl Sync for Code {}

impl Code {
    /// Takes over a module whose definitions are final.
    pub(super) fn new(module: JITModule, bytes: usize) -> Code {
        Code {
            module: Some(module),
            bytes,
        }
    }

    /// The address of a function that was defined, valid as long as `self`; null if `id` is
    /// not of this code.
    pub fn entry(&self, id: FuncId) -> *const u8 {
        match &self.module {
            Some(module) => module.get_finalized_function(id),
            None => std::ptr::null(),
        }
    }

    /// Bytes of machine code.
    pub fn code_bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: calling into the code is unsafe and whoever does it holds the `Code`
            // meanwhile, so nothing executes here now and no address is called later.
            unsafe { module.free_memory() };
        }
    }
}
