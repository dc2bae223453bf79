//! Many VNIs in any order.

use crate::subject;
use std::time::Duration;
use weft_tests::Result;
use weft_tests::scenario::scale;

#[test]
fn fifty_vnis_made_in_random_order_serve_within_half_a_second_of_the_session() -> Result<()> {
    for seed in [1, 20_261_122] {
        let took = scale::many_vnis(subject(), seed)?;
        assert!(took <= Duration::from_millis(500), "seed {seed}: {took:?}");
    }
    Ok(())
}
