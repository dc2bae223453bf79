//! `make figures`: takes the figures that the kernel labs assert, for Weft and for FRR in its
//! place, and prints them side by side. Nothing fails here; the tests do that.

use clap::{Parser, ValueEnum};
use weft_tests::speaker::Kind;
use weft_tests::{figures, scale};

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Who {
    Weft,
    Frr,
    Both,
}

/// The labs' figures, for Weft and FRR.
#[derive(Debug, Parser)]
struct Options {
    /// Whose figures to take.
    #[arg(long, default_value = "both")]
    who: Who,
    /// How often to take each.
    #[arg(long, default_value_t = 1)]
    times: usize,
    /// Print what networks of many sites, and fabrics past one machine, cost, by formulas that the tests
    /// compare with simulations; take no figures.
    #[arg(long)]
    scale: bool,
    /// Only figures whose name contains this.
    #[arg(default_value = "")]
    name: String,
}

fn main() {
    let options = Options::parse();
    if options.scale {
        println!("{}", scale::table::markdown(&scale::Size::LARGE));
        match scale::constrained::table::markdown(&scale::constrained::Fabric::LARGE) {
            Ok(table) => print!("{table}"),
            Err(error) => println!("failed: {error}"),
        }
        return;
    }
    let wanted = |kind: Kind| match options.who {
        Who::Weft => kind == Kind::Weft,
        Who::Frr => kind == Kind::Frr,
        Who::Both => true,
    };
    for figure in figures::all().filter(|figure| figure.name.contains(&options.name)) {
        println!("{} ({})", figure.name, figure.wanted);
        for contestant in figure.contestants().iter().filter(|contestant| wanted(contestant.kind)) {
            let times = if contestant.can() { options.times } else { 1 };
            for _ in 0..times {
                println!("  {contestant}: {}", contestant.take());
            }
        }
    }
}
