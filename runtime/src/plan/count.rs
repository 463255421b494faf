//! What a step costs, counted over its calls.

use super::{Call, KernelCall, Plan, Stage};
use crate::plan::DimValue;
use atome_spec::{CacheType, Op};
use std::collections::BTreeSet;

impl Plan {
    /// Bytes that the token at `position` makes a step read at least: weights and constants once, but for tables that are
    /// looked up; cached keys, the values that attention keeps, and the matrices that delta nets remember.
    pub(crate) fn read_bytes(&self, position: usize) -> usize {
        let calls = self.stages.iter().chain(&self.head).flat_map(Stage::calls);
        let mut shared = BTreeSet::new();
        let mut cached = 0;
        for call in calls {
            let Call::Kernel(call) = call else { continue };
            cached += 4 * cached_elems(call, position as u64, self.window);
            if !is_lookup(call.op) {
                let tensors = call.operands.iter().map(|operand| operand.tensor);
                shared.extend(tensors.filter(|t| self.tensor(*t).section.is_shared()));
            }
        }
        let shared = shared.into_iter().map(|tensor| self.tensor(tensor).bytes);
        shared.sum::<usize>() + cached
    }
}

/// Elements of a cache, or of a matrix that is remembered, that a call reads.
fn cached_elems(call: &KernelCall, position: u64, window: u64) -> usize {
    let len = position.min(window);
    let value = |dim: &DimValue| match *dim {
        DimValue::Const(n) => n,
        DimValue::Tokens => 1,
        DimValue::PerToken(n) => n,
        DimValue::Slot | DimValue::Len => len,
        DimValue::Kept(most) => most.min(len),
    };
    let elems = match (call.op, call.dims.as_slice()) {
        (Op::AttnScores, [d_head, _, len]) => value(d_head) * value(len),
        (Op::AttnMix, [d_model, _, kept]) => value(d_model) * value(kept),
        (Op::Attend, [kv_heads, _, head_dim, _, len]) => {
            2 * value(kv_heads) * value(head_dim) * value(len)
        }
        (Op::AttendF16, [kv_heads, _, head_dim, _, len]) => {
            let head_dim = value(head_dim) as usize;
            let words = CacheType::F16.key_words(head_dim) + CacheType::F16.value_words(head_dim);
            words as u64 * value(kv_heads) * value(len)
        }
        (Op::GatedDelta, [repeats, key_heads, head_dim, ..]) => {
            value(repeats) * value(key_heads) * value(head_dim).pow(2)
        }
        _ => 0,
    };
    elems as usize
}

fn is_lookup(op: Op) -> bool {
    use Op::{Embed, GroupEmbed, LookupF16, LookupF32, LookupI8};
    matches!(op, Embed | GroupEmbed | LookupF32 | LookupF16 | LookupI8)
}

#[cfg(test)]
mod tests {
    use crate::checkpoint::Checkpoint;
    use crate::families::AtomeConfig;
    use crate::plan::{self, Placing, Products};

    #[test]
    fn a_step_reads_its_weights_and_what_attention_keeps() {
        let config = AtomeConfig {
            vocab_size: 40,
            d_model: 72,
            n_layers: 2,
            d_head: 8,
            top_k: 3,
            kernel_size: 4,
            max_seq: 20,
        };
        let model = Checkpoint::random(config, None, 1);
        let planned = plan::plan(
            model.graph(),
            &model.tensors,
            4,
            Products::default(),
            Placing::default(),
        );
        let (plan, _) = planned.expect("a plan");
        let shared = plan.tensors.iter().filter(|t| t.section.is_shared());
        let weights = shared.filter(|t| t.name != "embed").map(|t| t.bytes);
        let weights: usize = weights.sum();
        assert_eq!(plan.read_bytes(0), weights);
        assert_eq!(plan.read_bytes(2), weights + 4 * 2 * (8 * 2 + 72 * 2));
        let most = weights + 4 * 2 * (8 * 20 + 72 * 3);
        assert_eq!([plan.read_bytes(20), plan.read_bytes(1000)], [most, most]);
    }
}
