use super::coalesce::{forwards, locals};
use super::*;
use std::net::IpAddr;
use weft_evpn::forwarding::RemoteMac;
use weft_evpn::local::VniDevices;
use weft_evpn::{MacAddr, Vni, VrfName};

const VTEP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

fn vni(number: u32) -> Vni {
    Vni::new(number).unwrap()
}

fn mac_change(last: u8, wanted: bool) -> ForwardingChange {
    let wanted = wanted.then_some(RemoteMac { vtep: VTEP, sticky: false });
    ForwardingChange::Mac { vni: vni(10), mac: MacAddr([2, 0, 0, 0, 0, last]), wanted }
}

fn local_mac(number: u32, last: u8) -> LocalEvent {
    LocalEvent::Mac {
        vni: vni(number),
        mac: MacAddr([2, 0, 0, 0, 0, last]),
        port: (3, "h0".to_owned()),
        sticky: false,
    }
}

fn vni_up(number: u32) -> LocalEvent {
    let devices = VniDevices {
        vxlan: (1, "vx10".to_owned()),
        bridge: (2, "br10".to_owned()),
        vtep: VTEP,
        bridge_mac: MacAddr::ZERO,
        svi_addresses: Vec::new(),
        svi_subnets: Vec::new(),
        vrf: None,
    };
    LocalEvent::VniUp { vni: vni(number), devices }
}

#[test]
fn the_last_change_of_a_key_stays() {
    let parts = [vec![mac_change(1, true), mac_change(2, true)], vec![mac_change(1, false)]];
    assert_eq!(forwards(parts.into_iter().map(Vec::into_iter)), [mac_change(2, true), mac_change(1, false)]);
}

#[test]
fn a_vni_that_went_down_voids_what_came_before() {
    let down = LocalEvent::VniDown { vni: vni(10) };
    let mut events =
        vec![vni_up(10), local_mac(10, 1), local_mac(11, 1), down.clone(), vni_up(10), local_mac(10, 2)];
    locals(&mut events);
    assert_eq!(events, [local_mac(11, 1), down, vni_up(10), local_mac(10, 2)]);
}

#[test]
fn a_mac_that_is_gone_again_is_said_once() {
    let gone = LocalEvent::MacGone { vni: vni(10), mac: MacAddr([2, 0, 0, 0, 0, 1]) };
    let mut events = vec![local_mac(10, 1), gone.clone()];
    locals(&mut events);
    assert_eq!(events, [gone]);
}

#[test]
fn queues_are_bounded_by_the_number_of_keys() {
    let shared = Arc::new(Shared::new().unwrap());
    let fib = Fib { shared: Arc::new(StopOnDrop(Arc::clone(&shared))) };
    for round in 0..requests::COALESCE_FROM * 2 {
        fib.send(FibRequest::Forward(vec![mac_change((round % 200) as u8, true)]));
        shared.emit_local(vec![local_mac(10, (round % 200) as u8)]);
    }
    assert!(shared.take_requests(usize::MAX).forward.len() <= requests::COALESCE_FROM);
    assert!(lock(&shared.outbox).locals <= COALESCE_FROM);
}

#[test]
fn changes_are_taken_in_their_order_as_many_as_there_is_room_for() {
    let shared = Arc::new(Shared::new().unwrap());
    let fib = Fib { shared: Arc::new(StopOnDrop(Arc::clone(&shared))) };
    let changes: Vec<_> = (0..5).map(|last| mac_change(last, true)).collect();
    fib.send(FibRequest::Forward(changes[..3].to_vec()));
    fib.send(FibRequest::Converged);
    fib.send(FibRequest::Config(FibConfig::default()));
    fib.send(FibRequest::Forward(changes[3..].to_vec()));
    let first = shared.take_requests(2);
    assert_eq!(first.forward, changes[..2]);
    assert!(first.more && !first.converged, "one change came before the convergence and is not taken");
    assert!(first.orders.config.is_some(), "other requests do not wait for changes");
    let second = shared.take_requests(1);
    assert_eq!(second.forward, changes[2..3]);
    assert!(second.more && second.converged);
    let last = shared.take_requests(2);
    assert_eq!(last.forward, changes[3..]);
    assert!(!last.more && !last.converged, "that is told once");
}

#[test]
fn routes_are_taken_together_since_they_share_objects() {
    let shared = Arc::new(Shared::new().unwrap());
    let fib = Fib { shared: Arc::new(StopOnDrop(Arc::clone(&shared))) };
    let route = |number: u8| ForwardingChange::Route {
        vrf: VrfName::from("red"),
        prefix: format!("10.0.{number}.0/24").parse().unwrap(),
        wanted: None,
    };
    let routes: Vec<_> = (0..200).map(route).collect();
    fib.send(FibRequest::Forward([vec![mac_change(1, true)], routes[..150].to_vec()].concat()));
    fib.send(FibRequest::Forward([routes[150..].to_vec(), vec![mac_change(2, true), route(1)]].concat()));
    let first = shared.take_requests(1);
    assert_eq!(first.forward, [vec![mac_change(1, true)], routes].concat());
    assert!(first.more && shared.take_requests(0).forward.is_empty(), "what is behind a MAC waits with it");
    assert_eq!(shared.take_requests(1).forward, [mac_change(2, true), route(1)]);
}

#[test]
fn a_convergence_is_not_told_before_the_changes_that_came_before_it_were_taken() {
    let shared = Arc::new(Shared::new().unwrap());
    let fib = Fib { shared: Arc::new(StopOnDrop(Arc::clone(&shared))) };
    fib.send(FibRequest::Forward((0..200).map(|last| mac_change(last, true)).collect()));
    fib.send(FibRequest::Converged);
    // Behind it so much comes that all is coalesced: the first 200 stand at the end then.
    for round in 0..=requests::COALESCE_FROM {
        fib.send(FibRequest::Forward(vec![mac_change((round % 250) as u8, false)]));
    }
    let (mut told, mut taken) = (false, 0);
    loop {
        let part = shared.take_requests(50);
        taken += part.forward.len();
        told |= part.converged;
        assert!(!told || taken >= 200);
        if !part.more {
            break;
        }
    }
    assert!(told);
}

#[test]
fn the_last_word_on_each_key_arrives_last_while_others_are_coalesced() {
    const KEYS: u32 = 50_000;
    let shared = Arc::new(Shared::new().unwrap());
    let fib = Fib { shared: Arc::new(StopOnDrop(Arc::clone(&shared))) };
    let change = |key: u32, round: u8| ForwardingChange::Mac {
        vni: vni(1 + key),
        mac: MacAddr([2, 0, 0, 0, 0, 1]),
        wanted: Some(RemoteMac { vtep: IpAddr::from([10, 0, 0, round]), sticky: false }),
    };
    let sender = std::thread::spawn(move || {
        for round in 1..=6 {
            for first in (1..KEYS).step_by(500) {
                let part = (first..first + 500).map(|key| change(key, round)).collect();
                fib.send(FibRequest::Forward(part));
            }
        }
        fib.send(FibRequest::Converged);
        fib
    });
    let mut last = std::collections::HashMap::new();
    loop {
        let part = shared.take_requests(200);
        for change in part.forward {
            let ForwardingChange::Mac { vni, wanted, .. } = change else { unreachable!() };
            let before = last.insert(vni, wanted);
            assert!(before.flatten().map(|remote| remote.vtep) <= wanted.map(|remote| remote.vtep));
        }
        if part.converged {
            break;
        }
    }
    let rounds: std::collections::HashSet<_> = last.values().map(|wanted| wanted.unwrap().vtep).collect();
    assert_eq!(rounds, std::collections::HashSet::from([IpAddr::from([10, 0, 0, 6])]));
    assert_eq!(last.len(), KEYS as usize);
    drop(sender.join().unwrap());
}

#[test]
fn what_was_written_is_told_once_with_its_sum() {
    let shared = Arc::new(Shared::new().unwrap());
    let mut events = FibEvents { shared: Arc::clone(&shared) };
    shared.emit_written(1_000);
    shared.emit_written(2_000);
    assert_eq!(events.try_recv(), Some(FibEvent::Written { messages: 3_000 }));
    assert_eq!(events.try_recv(), None);
    shared.emit_written(1_500);
    assert_eq!(events.try_recv(), Some(FibEvent::Written { messages: 1_500 }));
}

#[test]
fn waiting_ends_when_the_service_ends() {
    let shared = Arc::new(Shared::new().unwrap());
    let mut events = FibEvents { shared: Arc::clone(&shared) };
    shared.emit(FibEvent::Ready { adopted: 3 });
    shared.close();
    assert_eq!(events.recv_timeout(Duration::from_secs(5)), Some(FibEvent::Ready { adopted: 3 }));
    assert_eq!(events.recv_timeout(Duration::from_secs(5)), None);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(events.recv()), None);
}

#[test]
fn the_kernel_is_behind_until_half_of_what_made_it_so_is_taken() {
    let (fib, mut events, service) = Fib::unserved().unwrap();
    let many = |count: usize| FibRequest::Forward(vec![mac_change(1, true); count]);
    let route = ForwardingChange::Route {
        vrf: VrfName::from("red"),
        prefix: "10.0.0.0/24".parse().unwrap(),
        wanted: None,
    };
    fib.send(many(requests::BEHIND - 1));
    fib.send(FibRequest::Forward(vec![route; requests::BEHIND]));
    assert!(!fib.is_behind(), "routes do not count");
    fib.send(many(1));
    assert!(fib.is_behind());
    assert_eq!(service.take(requests::CAUGHT_UP - 1).len(), requests::CAUGHT_UP - 1);
    assert!(fib.is_behind() && events.try_recv().is_none());
    service.take(2);
    assert!(!fib.is_behind());
    assert_eq!((events.try_recv(), events.try_recv()), (Some(FibEvent::CaughtUp), None));
    service.take(usize::MAX);
    assert_eq!(events.try_recv(), None);
    // Nobody waits for a service that has ended, whatever is sent.
    fib.send(many(requests::BEHIND));
    assert!(fib.is_behind());
    service.end();
    fib.send(many(requests::BEHIND));
    assert!(!fib.is_behind());
}
