//! What becomes one, and what stays apart.

use super::*;

/// The maps of a fused graph, of one whose body has these calls after rows `%a` of 16 columns and `%b` of 48.
#[track_caller]
fn maps(calls: &str) -> Vec<String> {
    let text = format!(
        "graph test {{
           %x = embedding embed(8, 16)
           %a = linear a(%x, 16)
           %b = linear b(%x, 48)
           {calls}
           head {{ %unembed = linear unembed(%x, 8) }}
         }}"
    );
    let graph: Graph = match text.parse() {
        Ok(graph) => graph,
        Err(fault) => panic!("{fault}\n{text}"),
    };
    let (fused, names) = graph.fused();
    let several = fused.calls().filter(|call| call.name.contains(" + "));
    assert!(several.map(|call| &*call.name).eq(&names));
    let maps = fused.calls().filter_map(|call| match &call.what {
        What::Map(expr) => Some(format!("{}: {expr}", call.name)),
        _ => None,
    });
    maps.collect()
}

const GATE: &str = "gate: map x=%a, y=%y[16] { y = silu(x) }";

#[test]
fn what_one_leaves_for_the_next_alone_is_not_stored() {
    let sum = "residual sum(%y, %x)";
    assert_eq!(
        maps(&format!("{GATE}\n{sum}")),
        ["gate + sum: (x: row, x2: row) { y2 = silu(x); x2 = x2 + y2 }"]
    );
    // The product between them has to do with neither, or reads what the first one writes.
    let between = "%c = linear c(%b, 16)";
    assert_eq!(maps(&format!("{GATE}\n{between}\n{sum}")).len(), 1);
    let between = "%c = linear c(%y, 16)";
    assert_eq!(maps(&format!("{GATE}\n{between}\n{sum}")).len(), 2);
    let after = "%c = linear c(%y, 16)";
    assert_eq!(
        maps(&format!("{GATE}\n{sum}\n{after}")),
        ["gate + sum: (x: row, y: row, x2: row) { y = silu(x); x2 = x2 + y }"]
    );
}

#[test]
fn a_chain_is_one() {
    let calls = "
        one: map x=%a, y=%y[16] { y = x * x }
        two: map y=%y, z=%z[16] { z = y + 1 }
        three: map z=%z, a=%x { a = a * z }";
    let expected = "one + two + three: (x: row, a: row) { y2 = x * x; z2 = y2 + 1.0; a = a * z2 }";
    assert_eq!(maps(calls), [expected]);
}

#[test]
fn layers_stay_alike() {
    let layers = "
        layers.0..3 {
          one: map x=%x { x = x * 2 }
          two: map x=%x { x = x + 1 }
        }";
    let whole = "(x: row) { x2 = x * 2.0; x = x2 + 1.0 }";
    let expected = [0, 1, 2].map(|i| format!("layers.{i}.one + layers.{i}.two: {whole}"));
    assert_eq!(maps(layers), expected);
    let nested = "
        l.0..1 {
          one: map x=%x { x = x * 2 }
          part.0..1 { two: map x=%x { x = x + 1 } }
        }";
    assert_eq!(maps(nested).len(), 1);
}

#[test]
fn expressions_do_not_become_many_more() {
    let all: String = (0..300)
        .map(|i| {
            format!(
                "a{i}: map x=%x {{ x = x * {i}.5 }}
                 b{i}: map x=%x, y=%a {{ x = x + y }}
                 %c{i} = linear c{i}(%x, 1)\n"
            )
        })
        .collect();
    assert_eq!(maps(&all).len(), 2 * 300 - MOST_EXPRS);
}

#[test]
fn what_takes_long_stays_apart() {
    let calls = "
        one: map x=%a, y=%y[16] { y = silu(x) }
        two: map y=%y, z=%z[16] { z = exp(y) }
        three: map z=%z, a=%x { a = a * z }";
    let two = "two + three: (y: row, a: row) { z2 = exp(y); a = a * z2 }";
    assert_eq!(maps(calls), ["one: (x: row, y: row) { y = silu(x) }", two]);
}

#[test]
fn other_columns_and_states_keep_maps_apart() {
    let shifted = "
        one: map x=%b[0..16] { x = -x }
        two: map x=%b[1..17], y=%x { y = y + x }";
    assert_eq!(maps(shifted).len(), 2);
    let beside = "
        one: map x=%b[0..16], y=%x { y = y + x }
        two: map x=%b[16..32], y=%x { y = y * x }";
    assert_eq!(maps(beside).len(), 1);
    let nothing_in_common = "
        one: map x=%a { x = -x }
        two: map x=%b[0..16] { x = -x }";
    assert_eq!(maps(nothing_in_common).len(), 2);
    let widths = "
        one: map x=%b { x = -x }
        two: map x=%b[0..16] { x = -x }";
    assert_eq!(maps(widths).len(), 2);
}
