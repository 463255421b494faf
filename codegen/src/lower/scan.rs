//! The diagonal recurrence: `h = decay * h + b * x`, `y = c * h`, a lane a channel.

use super::Lowering;
use crate::op::{Callers, Content, Def, dim, in_out, input, output};

pub(super) const SCAN: Def = Def {
    numerics: "Per channel `h = decay * h + b * x` (two products, one sum), then `y = c * h`. `h` \
        begins and ends in `state`.",
    dims: &[
        dim("channels").told_by(&["decay"]),
        dim("tokens").told_by(&["x"]),
    ],
    buffers: |d| {
        let (channels, all) = (d.get("channels"), d.get("tokens") * d.get("channels"));
        vec![
            input("decay", Content::F32, &channels),
            input("b", Content::F32, &channels),
            input("c", Content::F32, &channels),
            input("x", Content::F32, &all),
            in_out("state", Content::F32, &channels),
            output("out", Content::F32, &all),
        ]
    },
    callers: Callers::Attributes,
    ..Def::of(lower)
};

fn lower(l: &mut Lowering<'_>) {
    let (channels, tokens) = (l.dim("channels"), l.dim("tokens"));
    let parameters = ["decay", "b", "c"].map(|name| l.buffer(name));
    let [x, state, out] = ["x", "state", "out"].map(|name| l.buffer(name));
    let b = &mut l.b;

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
