//! No op gives a finite wrong number: every case, extremes of every input among them, against arithmetic in f64.

use atome_spec::Op;
use atome_tests::{cases, oracle};

/// Every case of every op; all faults are listed.
#[test]
fn every_op_is_near_f64_or_not_finite() {
    let mut faults = Vec::new();
    for &op in Op::ALL {
        let cases = cases::of(op);
        assert!(!cases.is_empty(), "{op} has cases");
        let before = faults.len();
        for case in &cases {
            if let Err(fault) = oracle::judge(case) {
                faults.push(format!("{case}: {fault}"));
            }
        }
        println!(
            "{op}: {} cases, {} faults",
            cases.len(),
            faults.len() - before
        );
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}
