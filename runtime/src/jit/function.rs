use std::sync::atomic::{AtomicU64, Ordering};

/// A function of one [`super::CodeBuilder`], and of the [`super::Code`] it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FuncId {
    pub(super) module: ModuleId,
    pub(super) number: cranelift_module::FuncId,
}

/// Tells the modules of this process apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ModuleId(u64);

impl ModuleId {
    pub(super) fn new() -> ModuleId {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        ModuleId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}
