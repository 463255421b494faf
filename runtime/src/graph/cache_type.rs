//! A graph whose attention caches f16 in place of f32.

use super::{CacheLayout, Graph, What};
use atome_spec::{CacheType, Op};

impl Graph {
    /// What the caches of attention by heads hold; `None` if there are none.
    pub(crate) fn cache_type(&self) -> Option<CacheType> {
        let caches = self.states.iter().filter_map(|state| state.cache);
        // Where some hold f32, those may be f16.
        caches.filter_map(CacheLayout::held).min()
    }

    /// The same with all such caches of f16.
    pub(crate) fn with_f16_caches(&self) -> Graph {
        let mut graph = self.clone();
        for state in &mut graph.states {
            match &mut state.cache {
                Some(CacheLayout::Keys(heads)) if heads.held == CacheType::F32 => {
                    heads.held = CacheType::F16;
                    state.rows = heads.key_words(state.rows);
                }
                Some(CacheLayout::Values(heads)) if heads.held == CacheType::F32 => {
                    heads.held = CacheType::F16;
                    state.width = heads.value_words(state.width);
                }
                _ => {}
            }
        }
        for call in graph.body.iter_mut().flat_map(|part| &mut part.calls) {
            call.what = match call.what {
                What::Kernel(Op::AttendAppend, by) => What::Kernel(Op::AttendAppendF16, by),
                What::Kernel(Op::Attend, by) => What::Kernel(Op::AttendF16, by),
                _ => continue,
            };
        }
        graph
    }
}
