//! Families of models: each records its graph from the dimensions of a model.

pub(crate) mod atome;
pub(crate) mod bitmamba2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{AtomeConfig, BitMamba2Config};
    use insta::assert_snapshot;

    const ATOME: AtomeConfig = AtomeConfig {
        vocab_size: 256,
        d_model: 32,
        n_layers: 1,
        d_head: 8,
        top_k: 4,
        kernel_size: 5,
        max_seq: 32,
    };
    const BITMAMBA2: BitMamba2Config = BitMamba2Config {
        vocab_size: 256,
        d_model: 32,
        n_layers: 1,
        n_heads: 4,
    };

    #[test]
    fn a_model_on_a_page() {
        assert_snapshot!("atome", atome::graph(&ATOME, None));
        assert_snapshot!("atome_classifier", atome::graph(&ATOME, Some(4)));
        assert_snapshot!("bitmamba2", bitmamba2::graph(&BITMAMBA2));
    }
}
