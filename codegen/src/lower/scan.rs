//! The diagonal recurrence: `h = decay * h + b * x`, `y = c * h`, a lane a channel.

use super::Lowering;
use crate::ir::{Access, Elem};

pub(super) fn lower(l: &mut Lowering<'_>) {
    let (channels, tokens) = (l.dim("channels"), l.dim("tokens"));
    let all = tokens.clone() * channels.clone();
    let b = &mut l.b;
    let parameters =
        ["decay", "b", "c"].map(|name| b.buffer(name, Access::In, Elem::F32, channels.clone()));
    let x = b.buffer("x", Access::In, Elem::F32, all.clone());
    let state = b.buffer("state", Access::InOut, Elem::F32, channels.clone());
    let out = b.buffer("out", Access::Out, Elem::F32, all);

    b.for_each_vector(&channels, &[], |b, at, lanes, _| {
        let [decay, input, output] =
            parameters.map(|p| b.load_vector(p, at.clone(), lanes.clone()));
        let h = b.load_vector(state, at.clone(), lanes.clone());
        let h = b.for_loop(tokens.clone(), &[h], |b, t, carried| {
            let row = at.clone().step(t, channels.clone());
            let sample = b.load_vector(x, row.clone(), lanes.clone());
            let kept = b.mul(decay, carried[0]);
            let added = b.mul(input, sample);
            let h = b.add(kept, added);
            let y = b.mul(output, h);
            b.store(out, row, y, lanes.clone());
            vec![h]
        });
        b.store(state, at, h[0], lanes);
        vec![]
    });
}
