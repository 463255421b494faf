use super::{DimValue, KernelCall, PlanFault};
use atome_codegen::op::{Bound, Dim, Signature};
use std::ops::RangeInclusive;

/// Gives `values` the least and the greatest value of each dimension of a call, over all blocks of up to `tokens` tokens and all
/// positions, of which attention sees `window`.
///
/// # Errors
/// If a dimension may be what its op does not take.
pub(super) fn values(
    call: &KernelCall,
    signature: &Signature,
    (tokens, window): (u64, u64),
    values: &mut Vec<RangeInclusive<u64>>,
) -> Result<(), PlanFault> {
    let (expected, found) = (signature.dims.len(), call.dims.len());
    if expected != found {
        let what = "dimensions";
        return Err(PlanFault::Count {
            what,
            expected,
            found,
        });
    }
    values.clear();
    values.extend(call.dims.iter().map(|dim| taken(*dim, tokens, window)));
    for (dim, found) in signature.dims.iter().zip(&*values) {
        let found = found.clone();
        let expected = dim.range(call.activation);
        let name = &dim.name;
        if found.start() < expected.start() || found.end() > expected.end() {
            let dim = name.clone();
            return Err(PlanFault::Dim {
                dim,
                expected,
                found,
            });
        }
        let of = dim.multiple_of;
        if of > 1 && (found.start() != found.end() || found.start() % of != 0) {
            let dim = name.clone();
            return Err(PlanFault::Multiple { dim, of, found });
        }
        bound(dim, found, signature, values)?;
    }
    Ok(())
}

fn taken(dim: DimValue, tokens: u64, window: u64) -> RangeInclusive<u64> {
    match dim {
        DimValue::Const(n) => n..=n,
        DimValue::Tokens => 1..=tokens,
        DimValue::PerToken(n) => n..=n.saturating_mul(tokens),
        DimValue::Slot => 0..=window.saturating_sub(1),
        DimValue::Len => 1..=window,
        DimValue::Kept(k) => k.min(1)..=k.min(window),
    }
}

fn bound(
    dim: &Dim,
    found: RangeInclusive<u64>,
    signature: &Signature,
    values: &[RangeInclusive<u64>],
) -> Result<(), PlanFault> {
    let Some(bound) = dim.bound else {
        return Ok(());
    };
    let (Bound::Below(other) | Bound::AtMost(other) | Bound::AtLeast(other)) = bound;
    let at = signature.dims.iter().position(|dim| dim.name == other);
    let Some(limit) = at.map(|i| values[i].clone()) else {
        return Err(PlanFault::Kernel(format!("no dimension `{other}`")));
    };
    let (relation, holds) = match bound {
        Bound::Below(_) => ("below", found.end() < limit.start()),
        Bound::AtMost(_) => ("at most", found.end() <= limit.start()),
        Bound::AtLeast(_) => ("at least", found.start() >= limit.end()),
    };
    if holds {
        return Ok(());
    }
    Err(PlanFault::Bound {
        dim: dim.name.clone(),
        relation,
        other,
        found,
        limit,
    })
}
