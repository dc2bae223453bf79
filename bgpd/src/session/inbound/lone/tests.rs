use super::super::{Arrivals, Inbox, Limits, channel};
use super::*;
use crate::{
    peer::{PeerId, SessionId},
    session::scripted::PATIENCE,
};
use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake},
    thread,
};
use tokio::{runtime, time::timeout};

fn event(lane: u32, number: u64) -> SessionEvent {
    SessionEvent::Drained { peer: PeerId(lane), session: SessionId(number) }
}

/// What sleeps: it counts how often it is woken.
#[derive(Default)]
struct Sleeper(AtomicUsize);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Takes all that is there, on whatever thread, and says what it was told to.
#[derive(Debug)]
struct Table {
    inbox: Mutex<Inbox>,
    taken: Mutex<Vec<(PeerId, u64)>>,
    more: AtomicBool,
    breaks: AtomicBool,
}

impl Table {
    fn take(&self, inbox: &mut Inbox) {
        let (mut turn, mut hand) = (inbox.turn(), Vec::new());
        while turn.take(&mut hand) {}
        for event in hand {
            let SessionEvent::Drained { peer, session } = event else { panic!("{event:?}") };
            self.taken.lock().unwrap().push((peer, session.0));
        }
    }

    fn taken(&self) -> Vec<u64> {
        std::mem::take(&mut *self.taken.lock().unwrap()).into_iter().map(|(_, number)| number).collect()
    }
}

impl Taker for Table {
    fn take_turn(&self) -> bool {
        let Ok(mut inbox) = self.inbox.try_lock() else { return true };
        assert!(!self.breaks.load(Ordering::SeqCst), "as told");
        self.take(&mut inbox);
        self.more.load(Ordering::SeqCst)
    }
}

struct Bench {
    lanes: super::super::Lanes,
    arrivals: Arrivals,
    table: Arc<Table>,
    core: Arc<Sleeper>,
}

impl Bench {
    fn new() -> Self {
        let (lanes, inbox) = channel(Limits::default());
        let arrivals = inbox.arrivals();
        let (taken, more, breaks) = Default::default();
        let table = Arc::new(Table { inbox: Mutex::new(inbox), taken, more, breaks });
        let taker: Weak<Table> = Arc::downgrade(&table);
        arrivals.taken_by(taker);
        Self { lanes, arrivals, table, core: Arc::default() }
    }

    /// The core looks: true if it has something to do, otherwise it sleeps.
    fn looks(&self) -> bool {
        let (waker, arrivals) = (Arc::clone(&self.core).into(), self.arrivals.clone());
        let mut wait = Box::pin(async move { arrivals.wait().await });
        wait.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Ready(())
    }

    fn woken(&self) -> usize {
        self.core.0.swap(0, Ordering::SeqCst)
    }
}

#[test]
fn while_the_core_sleeps_the_session_takes_its_turn_and_does_not_wake_it() {
    let bench = Bench::new();
    let lane = bench.lanes.lane();
    assert!(!bench.looks());
    for number in 0..3 {
        lane.push_lone(event(1, number), 0);
        assert_eq!((bench.table.taken(), bench.woken()), (vec![number], 0));
    }
    // It sleeps all the time, and is woken for what is no lone event.
    lane.push(event(1, 3), 0);
    assert_eq!((bench.table.taken(), bench.woken()), (vec![], 1));
    assert!(bench.looks());
}

#[test]
fn while_the_core_is_awake_or_another_is_at_it_the_event_waits() {
    let bench = Bench::new();
    let lane = bench.lanes.lane();
    lane.push_lone(event(1, 0), 0);
    assert_eq!((bench.table.taken(), bench.woken()), (vec![], 0), "nobody sleeps: it will look");
    assert!(bench.looks());
    bench.table.take(&mut bench.table.inbox.lock().unwrap());
    assert_eq!(bench.table.taken(), [0]);
    assert!(!bench.looks());
    let busy = bench.table.inbox.lock().unwrap();
    lane.push_lone(event(1, 1), 0);
    assert_eq!((bench.table.taken(), bench.woken()), (vec![], 1));
    drop(busy);
    assert!(bench.looks());
}

#[test]
fn the_core_comes_if_the_turn_left_something_to_do_or_broke() {
    let bench = Bench::new();
    let lane = bench.lanes.lane();
    assert!(!bench.looks());
    bench.table.more.store(true, Ordering::SeqCst);
    lane.push_lone(event(1, 0), 0);
    assert_eq!((bench.table.taken(), bench.woken()), (vec![0], 1));
    assert!(bench.looks(), "though nothing is in a lane");
    assert!(!bench.looks(), "once");
    bench.table.breaks.store(true, Ordering::SeqCst);
    assert!(catch_unwind(AssertUnwindSafe(|| lane.push_lone(event(1, 1), 0))).is_err());
    assert_eq!(bench.woken(), 1);
    assert!(bench.looks());
}

#[test]
fn without_a_taker_or_once_it_has_gone_it_is_an_event_as_others() {
    let (lanes, inbox) = channel(Limits::default());
    let lane = lanes.lane();
    lane.push_lone(event(1, 0), 0);
    let bench = Bench::new();
    let gone = bench.lanes.lane();
    assert!(!bench.looks());
    // With the table the inbox goes.
    let Bench { table, core, .. } = bench;
    drop(table);
    gone.push_lone(event(1, 1), 0);
    assert_eq!(
        (core.0.load(Ordering::SeqCst), gone.has_room()),
        (0, false),
        "nobody takes it, and it says so"
    );
    drop(inbox);
}

/// A core that comes by itself at any time, sessions with lone events and floods: each event is taken once, in its lane's
/// order, and nobody sleeps while something waits.
#[test]
fn on_many_threads_nothing_is_lost_and_nobody_sleeps_while_something_waits() {
    const THREADS: u32 = 4;
    const EVENTS: u64 = 5_000;
    let bench = Bench::new();
    let (table, arrivals, ended) = (bench.table, bench.arrivals, Arc::new(AtomicBool::new(false)));
    let core = {
        let (table, arrivals, ended) = (table.clone(), arrivals, ended.clone());
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                while !ended.load(Ordering::SeqCst) {
                    timeout(PATIENCE, arrivals.wait()).await.expect("the core is woken in time");
                    table.take(&mut table.inbox.lock().unwrap());
                }
            });
        })
    };
    let sessions: Vec<_> = (0..THREADS)
        .map(|number| {
            let lane = bench.lanes.lane();
            thread::spawn(move || {
                for next in 0..EVENTS {
                    match next % 10 {
                        0..7 => lane.push_lone(event(number, next), 0),
                        _ => lane.push(event(number, next), 0),
                    }
                    if next % 16 == 0 {
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    sessions.into_iter().for_each(|session| session.join().unwrap());
    let mut next: HashMap<PeerId, u64> = HashMap::new();
    let all = || {
        for (lane, number) in std::mem::take(&mut *table.taken.lock().unwrap()) {
            let expected = next.entry(lane).or_default();
            assert_eq!(number, *expected);
            *expected += 1;
        }
        next.values().sum::<u64>() == u64::from(THREADS) * EVENTS
    };
    wait_for(all);
    ended.store(true, Ordering::SeqCst);
    bench.lanes.lane().push(event(THREADS, 0), 0);
    core.join().unwrap();
}

fn wait_for(mut done: impl FnMut() -> bool) {
    let until = std::time::Instant::now() + PATIENCE;
    while !done() {
        assert!(std::time::Instant::now() < until, "all are taken in time");
        thread::yield_now();
    }
}
