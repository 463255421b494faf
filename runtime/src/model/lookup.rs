//! Rows of tables that stay in the model's file: checked when their token is asked for, because a model that starts would
//! wait for hundreds of megabytes of which it looks up a few rows.

use crate::RunError;
use crate::plan::{Content, Plan, Section, Source, Tensor};
use crate::tensor::{EmbeddingTable, Stored};

/// A table that was not checked when the model was loaded.
pub(super) struct Lookup {
    tensor: String,
    table: EmbeddingTable,
}

impl Lookup {
    /// Those of a plan whose tables were left unchecked.
    pub(super) fn all(plan: &Plan, contents: &[(Tensor, Content<'_>)]) -> Vec<Lookup> {
        let stays = |tensor: Tensor| plan.tensor(tensor).section == Section::File;
        let unchecked = contents.iter().filter_map(|(tensor, content)| {
            let Source::Rows(name, table) = content.source else {
                return None;
            };
            let is_checked = content.stored.is_some_and(Stored::is_checked);
            (stays(*tensor) && !is_checked).then(|| Lookup {
                tensor: name.to_owned(),
                table: table.clone(),
            })
        });
        unchecked.collect()
    }

    /// Checks the rows of tokens, which are in the vocabulary.
    ///
    /// # Errors
    /// The first fault, with its token.
    pub(super) fn check(&self, tokens: &[u32]) -> Result<(), RunError> {
        tokens.iter().try_for_each(|&id| {
            let row = id as usize;
            let checked = self.table.check_stored(row..row + 1);
            checked.map_err(|fault| RunError::Row {
                id,
                tensor: self.tensor.clone(),
                fault,
            })
        })
    }
}
