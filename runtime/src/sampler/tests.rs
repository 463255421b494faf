use super::*;

fn sampler(temperature: f32, top_k: usize, top_p: f32, seed: u64, vocab: usize) -> Sampler {
    Sampler::new(
        Sampling {
            temperature,
            top_k,
            top_p,
            seed,
            ..Sampling::GREEDY
        },
        vocab,
    )
    .unwrap()
}

/// Share of each id in `draws` draws.
fn shares(mut sampler: Sampler, logits: &[f32], draws: usize) -> Vec<f64> {
    let mut counts = vec![0.0; logits.len()];
    for _ in 0..draws {
        counts[sampler.sample(logits) as usize] += 1.0 / draws as f64;
    }
    counts
}

/// Logits of awkward spread with ties, and the ids in their rank by a plain stable sort.
fn ranked_logits(n: usize) -> (Vec<f32>, Vec<u32>) {
    let logits: Vec<f32> = (0..n).map(|i| (i * 7919 % 61) as f32 / 8.0).collect();
    let mut ids: Vec<u32> = (0..n as u32).collect();
    ids.sort_by(|&a, &b| logits[b as usize].total_cmp(&logits[a as usize]));
    (logits, ids)
}

#[test]
fn greedy_takes_the_first_of_the_largest_and_no_nan() {
    let mut greedy = Sampler::new(Sampling::GREEDY, 4).unwrap();
    assert_eq!(greedy.sample(&[1.0, 3.0, 3.0, 2.0]), 1);
    assert_eq!(greedy.sample(&[f32::NAN, -1.0, f32::NAN, -2.0]), 1);
    assert_eq!(greedy.sample(&[f32::NAN; 4]), 0);
    assert_eq!(
        greedy.sample(&[f32::NAN, f32::NEG_INFINITY, f32::NAN, f32::NEG_INFINITY]),
        1
    );
    assert_eq!(greedy.sample(&[-0.0, 0.0, 0.0, -1.0]), 0);
    assert_eq!(sampler(1.0, 1, 1.0, 5, 4).sample(&[1.0, 3.0, 3.0, 2.0]), 1);
}

/// Ids as a plain sort gives them: the best first, cut off; all in order if there are no more.
fn plainly(logits: &[f32], top_k: usize) -> Vec<u32> {
    let mut ids: Vec<u32> = (0..logits.len() as u32).collect();
    ids.retain(|id| !logits[*id as usize].is_nan());
    if top_k != 0 && top_k < ids.len() {
        ids.sort_by(rank(logits));
        ids.truncate(top_k);
    }
    ids
}

#[test]
fn the_best_of_many_are_those_of_a_plain_sort() {
    let mut rng = Xoshiro256PlusPlus::new(7);
    for vocab in [1, 2, 63, 64, 65, 130, 1000, 50_257] {
        for spread in [2.0, 9.0, 1e6] {
            let mut logits: Vec<f32> = (0..vocab)
                .map(|_| (rng.next_f64() * spread).floor() as f32 - 1.0)
                .collect();
            for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0] {
                for _ in 0..vocab / 40 {
                    logits[(rng.next_f64() * vocab as f64) as usize] = odd;
                }
                for top_k in [1, 2, 16, 40, 64, 785, 786, 2000, vocab, vocab + 1, 0] {
                    let mut sampler = sampler(1.0, top_k, 1.0, 1, vocab);
                    sampler.keep_top_k(&logits);
                    assert_eq!(sampler.ids, plainly(&logits, top_k), "{top_k} of {vocab}");
                }
                let best = plainly(&logits, 0).into_iter().min_by(rank(&logits));
                assert_eq!(argmax(&logits), best.unwrap_or(0), "{vocab}");
            }
        }
    }
    for logits in [vec![f32::NAN; 200], vec![f32::NEG_INFINITY; 200]] {
        assert_eq!(argmax(&logits), 0);
    }
    let mut last = vec![f32::NAN; 200];
    last[150] = f32::NEG_INFINITY;
    assert_eq!(argmax(&last), 150);
}

#[test]
fn shares_follow_the_distribution() {
    let logits: Vec<f32> = [0.1f32, 0.2, 0.3, 0.4].iter().map(|p| p.ln()).collect();
    // Standard deviation of a share at 40,000 draws is at most 0.0025; the bound is four of them.
    let close = |got: Vec<f64>, want: [f64; 4]| {
        assert!(
            got.iter().zip(want).all(|(g, w)| (g - w).abs() < 0.01),
            "{got:?} is not {want:?}"
        );
    };
    close(
        shares(sampler(1.0, 0, 1.0, 1, 4), &logits, 40_000),
        [0.1, 0.2, 0.3, 0.4],
    );
    close(
        shares(sampler(0.5, 0, 1.0, 2, 4), &logits, 40_000),
        [1.0 / 30.0, 4.0 / 30.0, 9.0 / 30.0, 16.0 / 30.0],
    );
    close(
        shares(sampler(1.0, 2, 1.0, 3, 4), &logits, 40_000),
        [0.0, 0.0, 3.0 / 7.0, 4.0 / 7.0],
    );
    close(
        shares(sampler(1.0, 0, 0.6, 4, 4), &logits, 40_000),
        [0.0, 0.0, 3.0 / 7.0, 4.0 / 7.0],
    );
    close(
        shares(sampler(1.0, 3, 0.5, 5, 4), &logits, 40_000),
        [0.0, 0.0, 3.0 / 7.0, 4.0 / 7.0],
    );
    close(
        shares(sampler(1.0, 9, 0.3, 6, 4), &logits, 40_000),
        [0.0, 0.0, 0.0, 1.0],
    );
}

#[test]
fn top_k_is_a_prefix_of_the_ranking() {
    let (logits, ids) = ranked_logits(300);
    for k in [2, 3, 63, 64, 65, 299] {
        let mut s = sampler(1.5, k, 1.0, 1, 300);
        assert!(ids[..k].contains(&s.sample(&logits)));
        assert_eq!(s.ids, ids[..k]);
    }
}

#[test]
fn the_nucleus_is_the_shortest_sufficient_prefix_of_the_ranking() {
    let (logits, ids) = ranked_logits(1000);
    for temperature in [0.1, 1.0, 3.0, 100.0] {
        for top_p in [1e-6, 0.1, 0.5, 0.9, 0.999] {
            let mut s = sampler(temperature, 0, top_p, 1, 1000);
            assert!(ids.contains(&s.sample(&logits)));
            let weight = |id: &u32| f64::from(s.weights[*id as usize]);
            let total: f64 = (0..1000).map(|id| weight(&id)).sum();
            let (mut sum, mut kept) = (0.0, 0);
            while sum < f64::from(top_p) * total {
                sum += weight(&ids[kept]);
                kept += 1;
            }
            assert_eq!(
                s.ids,
                ids[..kept],
                "temperature {temperature}, top-p {top_p}"
            );
        }
    }
}

#[test]
fn the_seed_decides() {
    let logits: Vec<f32> = (0..50).map(|i| (i % 7) as f32 / 3.0).collect();
    let run = |seed| {
        let mut s = sampler(0.8, 20, 0.9, seed, 50);
        (0..64).map(|_| s.sample(&logits)).collect::<Vec<u32>>()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
    let mut s = sampler(0.8, 20, 0.9, 7, 50);
    let first = s.sample(&logits);
    let mut fork = s.clone();
    assert_eq!(
        (0..9).map(|_| s.sample(&logits)).collect::<Vec<_>>(),
        run(7)[1..10]
    );
    assert_eq!(
        (0..9).map(|_| fork.sample(&logits)).collect::<Vec<_>>(),
        run(7)[1..10]
    );
    s.restart();
    assert_eq!(s.sample(&logits), first);
}

/// These tokens may change only together with a line in the change log: users keep seeds.
#[test]
fn a_seed_keeps_its_tokens() {
    let logits: Vec<f32> = (0..200).map(|i| (i * 7919 % 199) as f32 / 25.0).collect();
    let tokens = |temperature, top_k, top_p| {
        let mut s = sampler(temperature, top_k, top_p, 42, 200);
        (0..8).map(|_| s.sample(&logits)).collect::<Vec<u32>>()
    };
    assert_eq!(tokens(1.0, 0, 1.0), [156, 59, 190, 136, 151, 107, 25, 112]);
    assert_eq!(tokens(0.7, 40, 1.0), [20, 5, 98, 15, 151, 78, 102, 78]);
    assert_eq!(tokens(1.3, 0, 0.9), [69, 175, 26, 127, 1, 54, 136, 88]);
    assert_eq!(tokens(0.8, 40, 0.95), [185, 39, 161, 15, 151, 78, 102, 78]);
}

#[test]
fn strange_logits_have_defined_answers() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    for (top_k, top_p) in [(0, 1.0), (3, 1.0), (0, 0.9), (3, 0.9)] {
        for temperature in [f32::from_bits(1), 1e-3, 1.0, f32::MAX] {
            let mut s = sampler(temperature, top_k, top_p, 3, 4);
            for _ in 0..50 {
                assert_eq!(s.sample(&[nan; 4]), 0);
                assert_eq!(s.sample(&[nan, nan, -inf, nan]), 2);
                assert_eq!(s.sample(&[-inf, 1.0, -inf, nan]), 1);
                assert!([0, 3].contains(&s.sample(&[inf, 1.0, nan, inf])));
                assert_ne!(s.sample(&[-inf, -inf, nan, -inf]), 2);
            }
        }
    }
}

#[test]
fn senseless_settings_are_refused() {
    for temperature in [-1.0, f32::NAN, f32::INFINITY] {
        let sampling = Sampling {
            temperature,
            ..Sampling::GREEDY
        };
        assert!(matches!(
            Sampler::new(sampling, 4),
            Err(RunError::Temperature { .. })
        ));
    }
    for top_p in [0.0, -0.5, 1.001, f32::NAN] {
        let sampling = Sampling {
            top_p,
            ..Sampling::GREEDY
        };
        assert!(matches!(
            Sampler::new(sampling, 4),
            Err(RunError::TopP { .. })
        ));
    }
    let fault = Sampling {
        temperature: -1.0,
        ..Sampling::GREEDY
    }
    .validate()
    .unwrap_err();
    assert_eq!(
        fault.to_string(),
        "expected a finite temperature of 0 or more, found -1"
    );
}

#[test]
fn impossible_vocabularies_are_refused() {
    for vocab in [usize::MAX, isize::MAX.cast_unsigned(), 1 << 60, 1 << 32] {
        let error = Sampler::new(Sampling::GREEDY, vocab).unwrap_err();
        assert_eq!(error, RunError::SamplerMemory { vocab });
    }
    let mut none = Sampler::new(Sampling::GREEDY, 0).unwrap();
    assert_eq!(none.sample(&[]), 0);
}

#[test]
fn min_p_keeps_what_is_likely_enough() {
    // Probabilities of 0.5, 0.25, 0.24 and 0.01.
    let logits: Vec<f32> = [0.5f32, 0.25, 0.24, 0.01].map(f32::ln).to_vec();
    let kept = |min_p| {
        let sampling = Sampling {
            temperature: 1.0,
            min_p,
            ..Sampling::GREEDY
        };
        let shares = shares(Sampler::new(sampling, 4).unwrap(), &logits, 4_000);
        shares.iter().filter(|share| **share > 0.0).count()
    };
    assert_eq!(
        [0.0, 0.01, 0.4, 0.49, 0.6, 1.0].map(kept),
        [4, 4, 3, 2, 1, 1]
    );
}

#[test]
fn a_token_that_was_there_is_less_likely() {
    let sampling = Sampling {
        repetition_penalty: 2.0,
        ..Sampling::GREEDY
    };
    let mut sampler = Sampler::new(sampling, 3).unwrap();
    let logits = [4.0, 3.0, -1.0];
    // 4 becomes 2 once it was chosen, 3 becomes 1.5 then, and -1 would be -2.
    assert_eq!([0; 4].map(|_| sampler.sample(&logits)), [0, 1, 0, 0]);
    sampler.restart();
    sampler.saw(0);
    sampler.saw(0);
    assert_eq!(
        sampler.sample(&logits),
        1,
        "once, however often it was there"
    );
    // Tokens leave the window.
    for _ in 0..REPETITION_WINDOW {
        sampler.saw(1);
    }
    assert_eq!(sampler.sample(&logits), 0);
    // An id that there is not is nothing.
    sampler.saw(u32::MAX);
    assert_eq!(sampler.sample(&logits), 0);
    let negative = [-1.0, -1.5, -4.0];
    sampler.restart();
    sampler.saw(0);
    assert_eq!(sampler.sample(&negative), 1);
}

#[test]
fn a_bias_is_added() {
    let with = |biases: &[(u32, f32)]| Sampler::new(Sampling::GREEDY, 3).unwrap().with_bias(biases);
    let logits = [1.0, 2.0, 3.0];
    assert_eq!(with(&[]).unwrap().sample(&logits), 2);
    assert_eq!(with(&[(0, 2.5)]).unwrap().sample(&logits), 0);
    assert_eq!(with(&[(0, 1.5), (0, 1.0)]).unwrap().sample(&logits), 0);
    assert_eq!(with(&[(2, f32::NEG_INFINITY)]).unwrap().sample(&logits), 1);
    let message = |biases| with(biases).unwrap_err().to_string();
    let expected = "expected a bias below infinity for a token from 0 to 2, found 1 for token 3";
    assert_eq!(message(&[(3, 1.0)]), expected);
    assert!(message(&[(0, f32::NAN)]).contains("found NaN for token 0"));
    assert!(message(&[(0, f32::INFINITY)]).contains("found inf for token 0"));
    let banned = [0, 1, 1, 2].map(|id| (id, f32::NEG_INFINITY));
    assert!(message(&banned).contains("found all 3 banned"));
    assert!(with(&banned[..3]).is_ok());
}

#[test]
fn new_settings_are_held_to_their_ranges() {
    let message = |min_p, repetition_penalty| {
        let sampling = Sampling {
            min_p,
            repetition_penalty,
            ..Sampling::GREEDY
        };
        sampling.validate().unwrap_err().to_string()
    };
    assert_eq!(message(1.5, 1.0), "expected min-p from 0 to 1, found 1.5");
    assert_eq!(
        message(f32::NAN, 1.0),
        "expected min-p from 0 to 1, found NaN"
    );
    let penalty = "expected a finite repetition penalty above 0, found ";
    for found in [0.0, -1.0, f32::INFINITY, f32::NAN] {
        assert_eq!(message(0.0, found), format!("{penalty}{found}"));
    }
}

#[test]
fn tokens_that_were_chosen_lose_for_each_time_and_for_any() {
    let logits = [4.0, 3.0, 1.75];
    let with = |frequency_penalty, presence_penalty| {
        let sampling = Sampling {
            frequency_penalty,
            presence_penalty,
            ..Sampling::GREEDY
        };
        Sampler::new(sampling, 3).unwrap()
    };
    let mut each = with(0.75, 0.0);
    // 4, then 3.25, then 2.5 and 3, then 2.5 and 2.25.
    assert_eq!([0; 5].map(|_| each.sample(&logits)), [0, 0, 1, 0, 1]);
    let mut any = with(0.0, 1.5);
    // 4 becomes 2.5 and 3 becomes 1.5: the third, 1.75, never is the greatest.
    assert_eq!([0; 4].map(|_| any.sample(&logits)), [0, 1, 0, 0]);
    // What a prompt has is no choice.
    let mut fresh = with(0.0, 1.5);
    fresh.saw(0);
    assert_eq!(fresh.sample(&logits), 0);
    // A sampler goes on where another was.
    let mut again = with(0.75, 0.0);
    again.restore(&each.state());
    assert_eq!(again.state(), each.state());
    assert_eq!(again.sample(&logits), each.sample(&logits));
    each.restart();
    assert_eq!([0; 3].map(|_| each.sample(&logits)), [0, 0, 1]);
    let wrong = |name, frequency_penalty, presence_penalty| {
        let sampling = Sampling {
            frequency_penalty,
            presence_penalty,
            ..Sampling::GREEDY
        };
        let message = sampling.validate().unwrap_err().to_string();
        assert!(message.starts_with(&format!("expected a finite {name} penalty, found ")));
    };
    wrong("frequency", f32::NAN, 0.0);
    wrong("presence", 0.0, f32::INFINITY);
}
