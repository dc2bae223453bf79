//! The command line of `weft-load`, with the words that teach it.

use super::error::{LoadError, Result};
use super::phase::Phase;
use super::shape::{Mix, Shape};
use clap::Parser;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

const EXAMPLES: &str = "\
PHASES
  announce            all routes are announced
  withdraw            all routes are withdrawn
  moves[=N]           N hosts move (MAC mobility rises), each awaited at the sinks: median and p99
  sustained[=N][@R]   N hosts move without waiting, R a second or as fast as they go
  vtep-flap[=V]       VTEP V withdraws its routes and announces them again
  vni-flap[=N]        VNI N goes at all VTEPs and comes back
  sender-flap[=S]     the connection of sender S is lost; it comes back with its routes
  idle[=SECONDS]      nothing happens

EXAMPLES
  A million routes through weftd (started as a reflector, killed at the end): time, memory, CPU
    weft-load --start announce moves withdraw

  The same through any speaker that is configured for it; --print-config says how
    weft-load --print-config --senders 1 --sinks 1
    weft-load --to 192.0.2.1:179 --sender-base 192.0.2.10 --sink-base 192.0.2.20 --pid 1234 announce

  100 leaves with 10,000 routes each, hosts of both families, symmetric IRB, 8 tenants
    weft-load --start --senders 100 --vteps 100 --mix mac=1,ipv4=1,ipv6=1 --symmetric --tenants 8 \\
      --imet announce vtep-flap=7 sustained=20000@5000

  A shape that nobody chose, the same each time
    weft-load --start --random --seed 42 --routes 200000 announce withdraw

The times are from the first octet sent to the last route read at the last sink. UPDATEs are made before
the clock starts. Whether every route came, once and unchanged, is checked by a sum over all NLRI.";

/// Loads a BGP EVPN speaker with routes, counts what it sends on, and tells time, memory and CPU.
#[derive(Debug, Parser)]
#[command(name = "weft-load", version, after_long_help = EXAMPLES)]
pub struct Options {
    /// What to do, one after another; see --help
    #[arg(value_name = "PHASE", default_values = ["announce", "withdraw"])]
    pub phases: Vec<Phase>,

    /// Address and port of the speaker
    #[arg(long, value_name = "ADDR:PORT", required_unless_present_any = ["start", "print_config"])]
    pub to: Option<SocketAddr>,
    /// Start weftd as a route reflector and load that; a path, or a program beside this one
    #[arg(long, value_name = "WEFTD", num_args = 0..=1, require_equals = true, default_missing_value = "weftd", conflicts_with = "to")]
    pub start: Option<PathBuf>,
    /// Print the configuration that the speaker needs for these sessions, and exit
    #[arg(long)]
    pub print_config: bool,
    /// Process of the speaker, for memory and CPU; may be given several times (FRR: bgpd and zebra)
    #[arg(long, value_name = "PID")]
    pub pid: Vec<u32>,
    /// Open the sessions inside this network namespace (root)
    #[arg(long, value_name = "NAME")]
    pub netns: Option<String>,

    /// Sessions that send
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Sessions")]
    pub senders: u32,
    /// Sessions that receive
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Sessions")]
    pub sinks: u32,
    /// Address of the first sender; the others have the next ones
    #[arg(long, value_name = "ADDR", default_value = "127.1.0.1", help_heading = "Sessions")]
    pub sender_base: IpAddr,
    /// Address of the first sink
    #[arg(long, value_name = "ADDR", default_value = "127.2.0.1", help_heading = "Sessions")]
    pub sink_base: IpAddr,
    /// Our AS, and that of the route targets
    #[arg(long, value_name = "AS", default_value_t = 65_000, help_heading = "Sessions")]
    pub asn: u32,
    /// Hold time in seconds that we propose
    #[arg(long, value_name = "S", default_value_t = 180, help_heading = "Sessions")]
    pub hold: u16,

    /// Routes of all kinds
    #[arg(long, value_name = "N", default_value_t = 1_000_000, help_heading = "Routes")]
    pub routes: u32,
    /// VTEPs; each is a next hop, and the senders have them in turn
    #[arg(long, value_name = "N", default_value_t = 64, help_heading = "Routes")]
    pub vteps: u32,
    /// L2VNIs, each at every VTEP
    #[arg(long, value_name = "N", default_value_t = 100, help_heading = "Routes")]
    pub vnis: u32,
    /// Number of the first L2VNI
    #[arg(long, value_name = "VNI", default_value_t = 1001, help_heading = "Routes")]
    pub first_vni: u32,
    /// L3VNIs, for --symmetric and type 5
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Routes")]
    pub tenants: u32,
    /// Kinds and their weights: mac, ipv4, ipv6 (type 2), prefix4, prefix6 (type 5)
    #[arg(long, value_name = "KIND=N,…", default_value_t = Mix::IPV4, help_heading = "Routes")]
    pub mix: Mix,
    /// Among them a type-3 route for each VTEP and VNI
    #[arg(long, help_heading = "Routes")]
    pub imet: bool,
    /// MAC/IP routes carry the L3VNI, its route target and the router's MAC, too
    #[arg(long, help_heading = "Routes")]
    pub symmetric: bool,
    /// Every route has attributes of its own (a large community)
    #[arg(long, help_heading = "Routes")]
    pub unique_attributes: bool,
    /// The most routes in an UPDATE; 0: as many as fit
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Routes")]
    pub per_update: u32,
    /// Routes come in random order, and unevenly many of each VTEP and VNI
    #[arg(long, help_heading = "Routes")]
    pub shuffled: bool,
    /// Draw everything about the routes but their number by the seed
    #[arg(long, help_heading = "Routes", conflicts_with_all = ["vteps", "vnis", "mix", "tenants", "imet", "symmetric", "per_update", "shuffled"])]
    pub random: bool,
    /// What is random, is drawn by this
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Routes")]
    pub seed: u64,

    /// Give up a phase after so many seconds
    #[arg(long, value_name = "S", default_value_t = 120)]
    pub limit: u64,
    /// Write JSON to standard output instead of text
    #[arg(long)]
    pub json: bool,
}

impl Options {
    /// The routes that are wanted.
    pub fn shape(&self) -> Result<Shape> {
        let shape = if self.random {
            Shape { asn: self.asn, first_vni: self.first_vni, ..Shape::random(self.seed, self.routes) }
        } else {
            Shape {
                routes: self.routes,
                vteps: self.vteps,
                vnis: self.vnis,
                tenants: self.tenants,
                mix: self.mix,
                imet: self.imet,
                symmetric: self.symmetric,
                unique_attributes: self.unique_attributes,
                per_update: self.per_update,
                shuffled: self.shuffled,
                first_vni: self.first_vni,
                first_host: 0,
                asn: self.asn,
                seed: self.seed,
            }
        };
        // Times are from the first octet of a sender to the last route at a sink.
        for (option, count) in [("--senders", self.senders), ("--sinks", self.sinks)] {
            if count == 0 {
                let reason = "at least one is needed".to_owned();
                return Err(LoadError::Option { option, value: count.to_string(), reason });
            }
        }
        shape.check()?;
        Ok(shape)
    }

    /// The addresses of the senders.
    pub fn sender_addresses(&self) -> Result<Vec<IpAddr>> {
        addresses("--senders", self.sender_base, self.senders)
    }

    /// The addresses of the sinks.
    pub fn sink_addresses(&self) -> Result<Vec<IpAddr>> {
        let sinks = addresses("--sinks", self.sink_base, self.sinks)?;
        let senders = self.sender_addresses()?;
        match sinks.iter().find(|sink| senders.contains(sink)) {
            None => Ok(sinks),
            Some(both) => Err(LoadError::Option {
                option: "--sink-base",
                value: self.sink_base.to_string(),
                reason: format!("{both} would be a sender and a sink"),
            }),
        }
    }
}

/// So many addresses, one after another.
fn addresses(option: &'static str, base: IpAddr, count: u32) -> Result<Vec<IpAddr>> {
    let next = |index: u32| match base {
        IpAddr::V4(first) => u32::from(first).checked_add(index).map(|next| Ipv4Addr::from(next).into()),
        IpAddr::V6(first) => {
            u128::from(first).checked_add(index.into()).map(|next| Ipv6Addr::from(next).into())
        }
    };
    (0..count).map(next).collect::<Option<_>>().ok_or_else(|| LoadError::Option {
        option,
        value: count.to_string(),
        reason: format!("there are not so many addresses from {base} on"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn read(line: &str) -> std::result::Result<Options, String> {
        Options::try_parse_from(["weft-load"].into_iter().chain(line.split_whitespace()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_sound_and_the_help_has_every_phase() {
        Options::command().debug_assert();
        let help = Options::command().render_long_help().to_string();
        let phases = ["announce", "moves", "sustained", "vtep-flap", "vni-flap", "sender-flap", "idle"];
        assert!(phases.iter().all(|phase| help.contains(phase)), "{help}");
    }

    #[test]
    fn without_options_it_is_the_shape_of_the_budget() {
        let options = read("--start").unwrap();
        assert_eq!(options.shape().unwrap(), Shape::default());
        assert_eq!(options.phases, [Phase::Announce, Phase::Withdraw]);
        assert!(read("announce").unwrap_err().contains("--to"));
    }

    #[test]
    fn addresses_are_counted_from_the_base_and_kept_apart() {
        let options = read("--start --senders 3 --sender-base 127.1.0.255 --sink-base 127.1.1.5").unwrap();
        let senders: Vec<String> =
            options.sender_addresses().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(senders, ["127.1.0.255", "127.1.1.0", "127.1.1.1"]);
        assert_eq!(options.sink_addresses().unwrap().len(), 1);
        let both = read("--start --senders 9 --sink-base 127.1.0.5").unwrap();
        let error = both.sink_addresses().unwrap_err().to_string();
        assert!(error.contains("127.1.0.5 would be a sender and a sink"), "{error}");
        assert!(
            read("--start --senders 9 --sender-base 255.255.255.250").unwrap().sender_addresses().is_err()
        );
    }

    #[test]
    fn a_phase_or_shape_that_cannot_be_is_refused() {
        assert!(read("--start reflect").unwrap_err().contains("the phases are"));
        assert!(read("--start --routes 0").unwrap().shape().is_err());
        assert!(read("--start --sinks 0").unwrap().shape().is_err());
        assert!(read("--start --random --mix mac=1").unwrap_err().contains("cannot be used with"));
    }
}
