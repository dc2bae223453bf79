//! Neighbours in IP-VRFs, in rule form: two tenants with the same addresses, each on an
//! interface of its own.

use super::namespace::{Network, apart, index, ip};
use super::*;
use crate::peer::{Device, TtlPolicy, VrfBinding};
use std::os::fd::AsFd;
use tokio::net::{TcpListener, TcpSocket};
use weft_evpn::vrf::{VrfDevices, VrfForm, VrfInterface};

const OURS: &str = "10.9.0.1/24";
const THEIRS: &str = "10.9.0.2/24";
const RED: PeerId = PeerId(11);
const BLUE: PeerId = PeerId(12);

fn ce() -> IpAddr {
    "10.9.0.2".parse().unwrap()
}

fn device(name: &str) -> Device {
    (index(name), name.to_owned())
}

/// The neighbour of a tenant, of this AS, on this device.
fn neighbour(vrf: &str, asn: u32, device: Option<Device>) -> PeerSettings {
    let binding = VrfBinding { name: vrf.into(), device };
    let settings = PeerSettings::new(ce(), RemoteAs::Number(asn), ASN, OUR_ID);
    PeerSettings { vrf: Some(binding), passive: true, ..settings.with_family(Family::L2vpnEvpn) }
}

impl Daemon {
    fn any() -> Self {
        Self::with(SessionOptions::listening(any_address(0)[..1].to_vec()), 64)
    }

    fn gateway(&self) -> SocketAddr {
        SocketAddr::new("10.9.0.1".parse().unwrap(), self.address.port())
    }

    fn add_as(&self, peer: PeerId, settings: PeerSettings) {
        self.sessions.add(peer, settings);
        self.sessions.command(peer, SessionCommand::Start).unwrap();
    }

    /// The neighbour whose session comes up, and the AS that it has.
    async fn up_with(&mut self) -> (PeerId, u32) {
        self.wait(|event| match event {
            SessionEvent::Established { peer, negotiated, .. } => Some((peer, negotiated.remote_as)),
            _ => None,
        })
        .await
    }
}

impl Network {
    /// The CE calls, and comes through.
    async fn call(&self, to: SocketAddr, password: Option<&str>) -> Scripted {
        self.try_to_call(to, password, scripted::PATIENCE).await.expect("somebody listens")
    }

    /// The CE calls, and hears nothing.
    async fn hears_nothing(&self, to: SocketAddr, password: Option<&str>) -> bool {
        self.try_to_call(to, password, Duration::from_millis(700)).await.is_none()
    }

    async fn try_to_call(&self, to: SocketAddr, password: Option<&str>, time: Duration) -> Option<Scripted> {
        let socket = self.within(|| if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() });
        let socket = socket.unwrap();
        if password.is_some() {
            sockopt::set_md5(socket.as_fd(), to.ip().into(), password).unwrap();
        }
        let call = tokio::time::timeout(time, socket.connect(to));
        call.await.ok()?.ok().map(Scripted::external)
    }

    /// The CE is called.
    fn listen(&self) -> TcpListener {
        self.within(|| {
            let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            TcpListener::from_std(listener).unwrap()
        })
    }
}

#[test]
fn neighbours_of_two_tenants_have_the_same_address() {
    apart(async || {
        let red = Network::joined("red0", OURS, THEIRS);
        let blue = Network::joined("blue0", OURS, THEIRS);
        let mut daemon = Daemon::any();
        daemon.sessions.set_vrf_devices(&"red".into(), vec![device("red0")]);
        daemon.add_as(RED, neighbour("red", 65101, Some(device("red0"))));
        daemon.add_as(BLUE, neighbour("blue", 65102, Some(device("blue0"))));
        daemon.sessions.set_vrf_devices(&"blue".into(), vec![device("blue0")]);
        let mut one = red.call(daemon.gateway(), None).await;
        one.establish(open(65101, THEIR_ID, 90)).await;
        assert_eq!(daemon.up_with().await, (RED, 65101));
        let mut other = blue.call(daemon.gateway(), None).await;
        other.establish(open(65102, THEIR_ID, 90)).await;
        assert_eq!(daemon.up_with().await, (BLUE, 65102));

        // One tenant goes; the other does not notice.
        daemon.sessions.set_vrf_devices(&"blue".into(), Vec::new());
        daemon.sessions.remove(BLUE, Cease::PeerDeconfigured);
        other.expect_notification().await;
        assert!(one.is_quiet_for(Duration::from_millis(50)).await);
    });
}

#[test]
fn each_tenant_is_called_on_its_own_device() {
    apart(async || {
        let red = Network::joined("red0", OURS, THEIRS);
        let blue = Network::joined("blue0", OURS, THEIRS);
        let mut daemon = Daemon::any();
        for (network, peer, vrf, asn) in [(&blue, BLUE, "blue", 65102), (&red, RED, "red", 65101)] {
            let listener = network.listen();
            let port = listener.local_addr().unwrap().port();
            let settings = neighbour(vrf, asn, Some(device(&format!("{vrf}0"))));
            daemon.add_as(peer, PeerSettings { passive: false, port, ..settings });
            let mut called = Scripted::external(patiently(listener.accept()).await.unwrap().0);
            called.establish(open(asn, THEIR_ID, 90)).await;
            assert_eq!(daemon.up_with().await, (peer, asn));
        }
    });
}

#[test]
fn passwords_and_distance_hold_in_a_tenant_too() {
    apart(async || {
        let red = Network::joined("red0", OURS, THEIRS);
        let blue = Network::joined("blue0", OURS, THEIRS);
        let mut daemon = Daemon::any();
        let with = |settings: PeerSettings, password: &str| PeerSettings {
            password: Some(password.into()),
            ttl: TtlPolicy::Security(1),
            ..settings
        };
        // One has its password before its listener, the other after.
        daemon.add_as(RED, with(neighbour("red", 65101, None), "r"));
        for vrf in ["red", "blue"] {
            daemon.sessions.set_vrf_devices(&vrf.into(), vec![device(&format!("{vrf}0"))]);
        }
        daemon.add_as(BLUE, with(neighbour("blue", 65102, None), "b"));
        let to = daemon.gateway();
        assert!(red.hears_nothing(to, Some("b")).await && blue.hears_nothing(to, None).await);
        for (network, password, peer, asn) in [(&red, "r", RED, 65101), (&blue, "b", BLUE, 65102)] {
            let mut scripted = network.call(to, Some(password)).await;
            socket2::SockRef::from(&scripted.stream).set_ttl_v4(255).unwrap();
            scripted.establish(open(asn, THEIR_ID, 90)).await;
            assert_eq!(daemon.up_with().await, (peer, asn));
        }
        // The key goes with the neighbour.
        daemon.sessions.remove(BLUE, Cease::PeerDeconfigured);
        let mut stranger = blue.call(to, None).await;
        assert_eq!(stranger.expect_notification().await.error.numbers(), (6, 5));
    });
}

#[test]
fn a_tenant_cannot_pass_for_a_neighbour_of_the_underlay() {
    apart(async || {
        let red = Network::joined("red0", OURS, THEIRS);
        let mut daemon = Daemon::any();
        daemon.sessions.set_vrf_devices(&"red".into(), vec![device("red0")]);
        daemon.add_as(PEER, PeerSettings { vrf: None, ..neighbour("-", 65101, None) });
        let mut caller = red.call(daemon.gateway(), None).await;
        assert_eq!(caller.expect_notification().await.error.numbers(), (6, 5));
        // Nor the underlay for one of a tenant.
        daemon.sessions.set_vrf_devices(&"red".into(), Vec::new());
        let mut caller = red.call(daemon.gateway(), None).await;
        caller.establish(open(65101, THEIR_ID, 90)).await;
        assert_eq!(daemon.up_with().await, (PEER, 65101));
        daemon.sessions.remove(PEER, Cease::PeerDeconfigured);
        caller.expect_notification().await;
        daemon.add_as(RED, neighbour("red", 65101, None));
        let mut caller = red.call(daemon.gateway(), None).await;
        assert_eq!(caller.expect_notification().await.error.numbers(), (6, 5));
    });
}

#[test]
fn listeners_follow_devices_that_come_get_other_names_and_are_made_anew() {
    apart(async || {
        let red = Network::joined("red0", OURS, THEIRS);
        let mut daemon = Daemon::any();
        let reconfigure = |daemon: &Daemon, device: Option<Device>| {
            let settings = Box::new(neighbour("red", 65101, device));
            daemon.sessions.command(RED, SessionCommand::Reconfigure(settings)).unwrap();
        };
        daemon.add_as(RED, neighbour("red", 65101, None));
        let mut early = red.call(daemon.gateway(), None).await;
        assert_eq!(early.expect_notification().await.error.numbers(), (6, 5), "no device yet");

        daemon.sessions.set_vrf_devices(&"red".into(), vec![device("red0")]);
        reconfigure(&daemon, Some(device("red0")));
        let mut session = red.call(daemon.gateway(), None).await;
        session.establish(open(65101, THEIR_ID, 90)).await;
        daemon.up_with().await;

        ip("link set red0 down");
        ip("link set red0 name tenant0");
        ip("link set tenant0 up");
        daemon.sessions.set_vrf_devices(&"red".into(), vec![device("tenant0")]);
        reconfigure(&daemon, Some(device("tenant0")));
        assert!(session.is_quiet_for(Duration::from_millis(100)).await, "the session stays");

        ip("link del tenant0");
        red.wire("red0", OURS, THEIRS);
        daemon.sessions.set_vrf_devices(&"red".into(), vec![device("red0")]);
        reconfigure(&daemon, Some(device("red0")));
        daemon.down().await;
        let mut session = red.call(daemon.gateway(), None).await;
        session.establish(open(65101, THEIR_ID, 90)).await;
        daemon.up_with().await;
    });
}

#[test]
fn link_local_neighbours_of_a_tenant() {
    apart(async || {
        let red = Network::joined("red0", "fe80::1/64", "fe80::2/64");
        let mut daemon = Daemon::with(SessionOptions::listening(any_address(0)[1..].to_vec()), 64);
        daemon.sessions.set_vrf_devices(&"red".into(), vec![device("red0")]);
        let mut settings = neighbour("red", 65101, Some(device("red0")));
        settings.address = "fe80::2".parse().unwrap();
        settings.interface = Some("red0".into());
        daemon.add_as(RED, settings);
        let scope = red.within(|| index("ce"));
        let to = std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), daemon.address.port(), 0, scope);
        let mut scripted = red.call(to.into(), None).await;
        scripted.establish(open(65101, THEIR_ID, 90)).await;
        assert_eq!(daemon.up_with().await, (RED, 65101));
    });
}

#[test]
fn listen_ranges_are_of_one_tenant() {
    apart(async || {
        let red = Network::joined("red0", OURS, THEIRS);
        let blue = Network::joined("blue0", OURS, THEIRS);
        let mut daemon = Daemon::any();
        for vrf in ["red", "blue"] {
            daemon.sessions.set_vrf_devices(&vrf.into(), vec![device(&format!("{vrf}0"))]);
        }
        let mut template = neighbour("red", 65101, None);
        template.graceful_restart.enabled = false;
        let range = ListenRange { range: "10.9.0.0/16".parse().unwrap(), template, limit: 1 };
        daemon.sessions.set_listen_ranges(vec![range]);
        let mut stranger = blue.call(daemon.gateway(), None).await;
        assert_eq!(stranger.expect_notification().await.error.numbers(), (6, 5));
        let mut scripted = red.call(daemon.gateway(), None).await;
        scripted.establish(open(65101, THEIR_ID, 90)).await;
        let key = daemon
            .wait(|event| match event {
                SessionEvent::NewDynamicPeer { settings, .. } => Some(settings.key()),
                _ => None,
            })
            .await;
        assert_eq!(key.to_string(), "10.9.0.2 (vrf red)");
    });
}

#[test]
fn the_device_is_the_vrf_device_or_the_interface_whose_subnet_holds_the_neighbour() {
    let interface = |index: u32, name: &str, addresses: &[&str]| VrfInterface {
        device: (index, name.to_owned()),
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
    };
    let mut devices = VrfDevices {
        form: VrfForm::Rule,
        table: 10_000,
        master: None,
        l3vni: None,
        interfaces: vec![
            interface(4, "eth1", &["10.0.0.1/8", "2001:db8::1/64"]),
            interface(5, "eth2", &["10.9.0.1/24"]),
        ],
    };
    let find = |devices: Option<&VrfDevices>, address: &str, interface: Option<&str>| {
        let address = address.parse().unwrap();
        VrfBinding::find("red".into(), devices, address, interface, None).device.map(|(index, _)| index)
    };
    assert_eq!(find(Some(&devices), "10.9.0.2", None), Some(5), "the longest");
    assert_eq!(find(Some(&devices), "10.8.0.2", None), Some(4));
    assert_eq!(find(Some(&devices), "2001:db8::2", None), Some(4));
    assert_eq!(find(Some(&devices), "192.0.2.1", None), None);
    assert_eq!(find(Some(&devices), "fe80::1", Some("eth2")), Some(5));
    assert_eq!(find(None, "10.9.0.2", None), None);
    assert_eq!(VrfBinding::listen_devices(&devices).len(), 2);
    devices.master = Some((9, "red".into()));
    assert_eq!(find(Some(&devices), "192.0.2.1", None), Some(9));
    assert_eq!(VrfBinding::listen_devices(&devices), vec![(9, "red".into())]);
}
