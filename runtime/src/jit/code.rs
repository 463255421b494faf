use super::FuncId;
use cranelift_jit::JITModule;
use std::collections::BTreeSet;

/// Machine code of one model, executable and never writable again; freed when dropped.
///
/// Addresses from [`Code::entry`] must not be called after that.
pub struct Code {
    module: JITModule,
    defined: BTreeSet<FuncId>,
    bytes: usize,
}

// SAFETY: `JITModule` is `Send`; it is not `Sync` because of its memory's raw pointers and the
// cell that caches symbols it looked up. After `finish` no method of `Code` looks a symbol up
// or writes through those pointers: shared references only read finished addresses.
unsafe impl Sync for Code {}

impl Code {
    /// Takes over a module whose definitions are final.
    pub(super) fn new(module: JITModule, defined: BTreeSet<FuncId>, bytes: usize) -> Code {
        Code {
            module,
            defined,
            bytes,
        }
    }

    /// The address of a function that was defined, valid as long as `self`; null if `id` is
    /// not of this code, or is that of an import.
    pub fn entry(&self, id: FuncId) -> *const u8 {
        if !self.defined.contains(&id) {
            return std::ptr::null();
        }
        self.module.get_finalized_function(id.number)
    }

    /// Bytes of machine code.
    pub fn code_bytes(&self) -> usize {
        self.bytes
    }
}
