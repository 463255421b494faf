//! Sizes that overflow, and dimensions that cannot be.

use super::*;

#[test]
fn blocks_of_any_length_are_refused_or_run() {
    let (atome, bitmamba2) = (atome(), bitmamba2());
    let expected = [
        run(&Model::from_checkpoint(&atome, &options(BackendKind::Aot)).unwrap()),
        run(&Model::from_checkpoint(&bitmamba2, &options(BackendKind::Aot)).unwrap()),
    ];
    let mut refused = 0;
    for shift in 0..usize::BITS {
        let power = 1usize << shift;
        for block in [
            power - 1,
            power,
            power + 1,
            power | power >> 1,
            usize::MAX - power,
        ] {
            let options = Options {
                block,
                ..options(BackendKind::Aot)
            };
            let models = [
                Model::from_checkpoint(&atome, &options),
                Model::from_checkpoint(&bitmamba2, &options),
            ];
            for (model, expected) in models.into_iter().zip(&expected) {
                match model {
                    Ok(model) => assert_eq!(&run(&model), expected, "block {block}"),
                    Err(LoadError::Prepare(
                        PrepareError::TooLarge { .. }
                        | PrepareError::ArenaMemory { .. }
                        | PrepareError::BlockTooLong { .. },
                    )) => refused += 1,
                    Err(other) => panic!("block {block}: {other}"),
                }
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn sizes_that_overflow_are_refused() {
    let (atome, bitmamba2) = (atome(), bitmamba2());
    for block in [1 << 62, (1 << 62) + 1, usize::MAX / 4, usize::MAX] {
        let with = |o: &Options| Options { block, ..o.clone() };
        let case = format!("block {block}");
        let message = refused(&case, |o| Model::from_checkpoint(&atome, &with(o)));
        let expected = format!("expected blocks of at most 2147483648 tokens, found {block}");
        assert_eq!(message, expected);
        refused(&case, |o| Model::from_checkpoint(&bitmamba2, &with(o)));
    }
    for sessions in [1 << 40, 1 << 62, usize::MAX] {
        let with = |o: &Options| Options {
            sessions,
            ..o.clone()
        };
        let message = refused("sessions", |o| Model::from_checkpoint(&atome, &with(o)));
        assert!(
            message.starts_with("no memory for an arena of"),
            "{message}"
        );
    }
    for threads in [1025, usize::MAX] {
        let with = |o: &Options| Options {
            threads: Some(threads),
            ..o.clone()
        };
        let message = refused("threads", |o| Model::from_checkpoint(&atome, &with(o)));
        assert_eq!(
            message,
            format!("expected at most 1024 threads, found {threads}")
        );
    }
}

#[test]
fn zeros_are_as_good_as_ones() {
    for backend in backends() {
        let options = Options {
            block: 0,
            threads: Some(0),
            ..options(backend)
        };
        let model = Model::from_checkpoint(&atome(), &options).unwrap();
        run(&model);
        let options = Options {
            sessions: 0,
            ..options
        };
        let model = Model::from_checkpoint(&atome(), &options).unwrap();
        let message = model.session().unwrap_err().to_string();
        assert_eq!(message, "no free session: all 0 are in use");
    }
}

/// The message of dimensions that no model can have.
fn impossible(config: impl Into<Config>, classes: Option<usize>) -> String {
    let model = Checkpoint::new(config, classes, Tensors::new());
    model.unwrap_err().to_string()
}

#[test]
fn dimensions_that_cannot_be() {
    let atome = |edit: fn(&mut AtomeConfig)| {
        let mut config = ATOME;
        edit(&mut config);
        impossible(config, None)
    };
    let bitmamba2 = |edit: fn(&mut BitMamba2Config)| {
        let mut config = BITMAMBA2;
        edit(&mut config);
        impossible(config, None)
    };
    for (found, expected) in [
        (
            atome(|c| c.vocab_size = usize::MAX),
            "config: expected `vocab_size` from 1 to 16777216, found 18446744073709551615",
        ),
        (
            atome(|c| c.max_seq = 0),
            "config: expected `max_seq` from 1 to 1048576, found 0",
        ),
        (
            atome(|c| c.top_k = 0),
            "config: expected `top_k` from 1 to 4096, found 0",
        ),
        (
            atome(|c| c.kernel_size = 0),
            "config: expected `kernel_size` from 1 to 64, found 0",
        ),
        (
            impossible(ATOME, Some(0)),
            "expected 1 to 65536 classes, found 0",
        ),
        (
            bitmamba2(|c| c.d_model = usize::MAX),
            "config: expected `d_model` from 1 to 65536, found 18446744073709551615",
        ),
        (
            bitmamba2(|c| c.n_heads = 0),
            "config: expected `n_heads` from 1 to 65536, found 0",
        ),
        (
            bitmamba2(|c| c.n_layers = usize::MAX),
            "config: expected `n_layers` from 1 to 4096, found 18446744073709551615",
        ),
        (
            impossible(BITMAMBA2, Some(3)),
            "expected a language model, as all of its family are, found 3 classes",
        ),
    ] {
        assert_eq!(found, expected);
    }
}
