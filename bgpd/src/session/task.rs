//! The task of one neighbour: it moves octets between the neighbour's connections and the
//! state machine, and routes between the session and the core.
//!
//! Back-pressure: while the lane to the core is full (`inbound`), nothing more is read from the
//! neighbour (TCP slows it down), but writing, timers and commands go on. Before a hold timer may expire, what has arrived is
//! read: a neighbour is not silent only because we were slow.

use super::{
    LONE, Shared,
    dial::{self, DialError},
    inbound::{self, Closed, Lane},
    link::Link,
    outbound::{self, SessionQueue},
    report::hex,
    status::StatusCell,
};
use crate::{
    fsm::{Action, ConnectionId, Input, PeerFsm, Received},
    log::{LogLimit, not_logged},
    peer::{
        Cease, DownReason, Endpoints, FsmState, Negotiated, PeerId, PeerKind, PeerSettings, RefreshKind,
        SessionCommand, SessionEvent, SessionId,
    },
    wire::{
        DecodeContext, Family, Frame, Message, MessageType, Notification, RouteRefresh, SessionKind, refresh,
    },
};
use bytes::Bytes;
use socket2::SockRef;
use std::{
    future::{Future, pending, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Instant,
};
use tokio::{net::TcpStream, sync::mpsc, task::JoinSet, time::sleep_until};
use tracing::{debug, info, warn};

/// Connections with a NOTIFICATION under way; others are closed without waiting for the neighbour.
const CLOSING: usize = 8;
/// Reads before a hold timer is declared expired.
const LAST_READS: usize = 16;

/// What a task is told.
#[derive(Debug)]
pub(super) enum Control {
    /// By the core.
    Command(SessionCommand),
    /// To end all sessions, and itself.
    Remove(Cease),
}

/// The other ends of a task's channels.
#[derive(Debug)]
pub(super) struct Mailbox {
    pub control: mpsc::Receiver<Control>,
    pub incoming: mpsc::Receiver<TcpStream>,
}

type Call = Pin<Box<dyn Future<Output = Result<TcpStream, DialError>> + Send>>;

/// The established session.
struct Session {
    id: SessionId,
    connection: ConnectionId,
    queue: SessionQueue,
    negotiated: Arc<Negotiated>,
}

/// Why the task woke up.
enum Wake {
    Control(Option<Control>),
    Accepted(TcpStream),
    Called(ConnectionId, Result<TcpStream, DialError>),
    Ready,
    Queued(Bytes),
    Room(Result<(), Closed>),
    Deadline,
}

/// The task.
pub(super) struct PeerTask {
    peer: PeerId,
    shared: Arc<Shared>,
    fsm: PeerFsm,
    links: Vec<Link>,
    call: Option<(ConnectionId, Call)>,
    session: Option<Session>,
    lane: Lane,
    mailbox: Mailbox,
    status: Arc<StatusCell>,
    closing: JoinSet<()>,
    /// Of lines about malformed messages.
    malformed: LogLimit,
    /// Of lines about sessions that come and go.
    changes: LogLimit,
    finished: bool,
}

impl PeerTask {
    pub fn new(
        peer: PeerId,
        shared: Arc<Shared>,
        settings: PeerSettings,
        mailbox: Mailbox,
        status: Arc<StatusCell>,
    ) -> Self {
        let mut fsm = PeerFsm::new(settings, shared.seed(peer));
        if let Some(time) = shared.options.send_hold {
            fsm.set_send_hold(time);
        }
        Self {
            peer,
            lane: shared.lanes.lane(),
            shared,
            fsm,
            links: Vec::new(),
            call: None,
            session: None,
            mailbox,
            status,
            closing: JoinSet::new(),
            malformed: LogLimit::default(),
            changes: LogLimit::default(),
            finished: false,
        }
    }

    /// A neighbour from a listen range: the core is told first, and it starts by itself.
    pub fn announce(&mut self) {
        let settings = Box::new(self.fsm.settings().clone());
        self.emit(SessionEvent::NewDynamicPeer { peer: self.peer, settings });
        self.input(Input::Start, Instant::now());
    }

    /// Runs until the neighbour is removed, or forgotten.
    pub async fn run(mut self) {
        loop {
            let now = Instant::now();
            self.process(now);
            self.pump(now);
            // Here and not only in `wait`: under a flood there is always something to read.
            if self.fsm.poll_deadline().is_some_and(|at| at <= now) {
                self.deadline(now);
                continue;
            }
            while self.closing.try_join_next().is_some() {}
            if self.finished {
                break;
            }
            let wake = self.wait().await;
            self.wake(wake);
        }
        self.finish().await;
    }

    async fn wait(&mut self) -> Wake {
        let Self { fsm, links, call, session, lane, mailbox, .. } = self;
        let behind = !lane.has_room();
        let deadline = fsm.poll_deadline();
        let room = session.as_ref().is_some_and(|session| {
            links.iter().any(|link| link.id == session.connection && link.writer.has_room())
        });
        let ready = poll_fn(|cx| {
            let mut any = false;
            for link in links.iter() {
                any |= link.poll_ready(!behind, cx).is_ready();
            }
            if any { Poll::Ready(()) } else { Poll::Pending }
        });
        let called = async {
            match call {
                Some((id, call)) => (*id, call.await),
                None => pending().await,
            }
        };
        let queued = async {
            match session {
                Some(session) if room => session.queue.next().await,
                _ => pending().await,
            }
        };
        let due = async {
            match deadline {
                Some(at) => sleep_until(at.into()).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            control = mailbox.control.recv() => Wake::Control(control),
            room = lane.room(), if behind => Wake::Room(room),
            Some(stream) = mailbox.incoming.recv() => Wake::Accepted(stream),
            (id, outcome) = called => Wake::Called(id, outcome),
            () = ready => Wake::Ready,
            messages = queued => Wake::Queued(messages),
            () = due => Wake::Deadline,
        }
    }

    fn wake(&mut self, wake: Wake) {
        let now = Instant::now();
        match wake {
            Wake::Control(Some(Control::Command(command))) => self.command(command, now),
            Wake::Control(Some(Control::Remove(cease))) => self.remove(cease, now),
            Wake::Control(None) | Wake::Room(Err(Closed)) => {
                self.remove(Cease::AdministrativeShutdown(None), now);
            }
            Wake::Room(Ok(())) => {}
            Wake::Accepted(stream) => self.accepted(stream, now),
            Wake::Called(id, outcome) => self.called(id, outcome, now),
            Wake::Ready => {
                if self.lane.has_room() {
                    for link in &mut self.links {
                        link.read();
                    }
                }
            }
            Wake::Queued(messages) => self.queue(&messages),
            Wake::Deadline => self.deadline(now),
        }
    }

    fn remove(&mut self, cease: Cease, now: Instant) {
        self.input(Input::Stop(cease), now);
        self.finished = true;
    }

    async fn finish(mut self) {
        self.shared.forget(self.peer, &self.status);
        while self.closing.join_next().await.is_some() {}
    }

    fn name(&self) -> String {
        let settings = self.fsm.settings();
        match &settings.interface {
            Some(interface) if super::sockopt::is_link_local(settings.address) => {
                let vrf = settings.vrf.as_ref().map(|binding| format!(" (vrf {})", binding.name));
                format!("{}%{interface}{}", settings.address, vrf.unwrap_or_default())
            }
            _ => settings.key().to_string(),
        }
    }

    fn link(&mut self, id: ConnectionId) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.id == id)
    }

    /// To the core.
    fn emit(&mut self, event: SessionEvent) {
        let octets = inbound::held(&event);
        self.lane.push(event, octets);
    }

    // What comes in.

    fn command(&mut self, command: SessionCommand, now: Instant) {
        let input = match command {
            SessionCommand::Start => Input::Start,
            SessionCommand::Stop { cease } => Input::Stop(cease),
            SessionCommand::Reset { cease } => Input::Reset(cease),
            SessionCommand::Reconfigure(settings) => Input::Reconfigure(settings),
        };
        self.input(input, now);
    }

    fn accepted(&mut self, stream: TcpStream, now: Instant) {
        if let Err(error) = dial::prepare(SockRef::from(&stream), self.fsm.settings()) {
            return self.failed(&format!("connection refused: {error}"), now);
        }
        let Some(endpoints) = endpoints(&stream) else { return };
        let id = self.fsm.name_connection();
        self.links.push(Link::new(id, stream));
        self.input(Input::Accepted(id, endpoints), now);
    }

    fn called(&mut self, id: ConnectionId, outcome: Result<TcpStream, DialError>, now: Instant) {
        self.call = None;
        match outcome {
            Ok(stream) => match endpoints(&stream) {
                Some(endpoints) => {
                    self.links.push(Link::new(id, stream));
                    self.input(Input::Connected(id, endpoints), now);
                }
                None => self.input(Input::ConnectFailed(id, crate::fsm::CallFailure::Remote), now),
            },
            Err(error) => {
                self.failed(&error.to_string(), now);
                self.input(Input::ConnectFailed(id, error.place()), now);
            }
        }
    }

    /// Looks at the messages that have arrived, until the core is behind.
    fn process(&mut self, now: Instant) {
        let ids: Vec<_> = self.links.iter().map(|link| link.id).collect();
        for id in ids {
            while self.lane.has_room() {
                let Some(link) = self.link(id) else { break };
                match link.next_frame() {
                    Ok(Some(frame)) => self.frame(id, &frame, now),
                    Ok(None) => {
                        if let Some(reason) = link.end() {
                            self.input(Input::Closed(id, reason), now);
                        }
                        break;
                    }
                    Err(bad) => self.malformed(id, bad.notification, &bad.octets, now),
                }
            }
        }
    }

    fn frame(&mut self, id: ConnectionId, frame: &Frame, now: Instant) {
        self.status.count_received(frame.kind as u8);
        if frame.kind == MessageType::Update {
            self.input(Input::Received(id, Received::Update), now);
            return self.update(id, frame, now);
        }
        let Some(link) = self.link(id) else { return };
        let message = match link.decoder.decode(frame) {
            Ok((message, _)) => message,
            Err(notification) => {
                // RFC 7313 §5: the error is only for those who agreed on enhanced refresh.
                let enhanced =
                    self.session.as_ref().is_none_or(|session| session.negotiated.enhanced_refresh);
                if frame.kind == MessageType::RouteRefresh && !enhanced {
                    return;
                }
                return self.malformed(id, notification, &frame.bytes, now);
            }
        };
        let received = match message {
            Message::Open(open) => Received::Open(open),
            Message::Notification(notification) => Received::Notification(notification),
            Message::Keepalive => Received::Keepalive,
            Message::RouteRefresh(refresh) => {
                self.input(Input::Received(id, Received::RouteRefresh), now);
                return self.route_refresh(id, refresh);
            }
            Message::Update(_) => Received::Update,
        };
        self.input(Input::Received(id, received), now);
    }

    /// The id of the session that this connection carries.
    fn session_on(&self, id: ConnectionId) -> Option<&Session> {
        self.session.as_ref().filter(|session| session.connection == id)
    }

    fn update(&mut self, id: ConnectionId, frame: &Frame, now: Instant) {
        let Some(session) = self.session_on(id).map(|session| session.id) else { return };
        let Some(link) = self.link(id) else { return };
        match link.decoder.decode_update(frame) {
            Ok(decoded) => {
                if !decoded.issues.is_empty() {
                    self.status.count_malformed_update();
                }
                if !decoded.issues.is_empty()
                    && let Some(suppressed) = self.malformed.take(now)
                {
                    let issues: Vec<_> = decoded.issues.iter().map(ToString::to_string).collect();
                    warn!(
                        "neighbor {}: malformed UPDATE: {}{}; message {}",
                        self.name(),
                        issues.join("; "),
                        not_logged(suppressed),
                        hex(&frame.bytes)
                    );
                }
                let lone = frame.bytes.len() <= LONE && self.link(id).is_some_and(|link| !link.has_unread());
                let octets = self.link(id).map_or(frame.bytes.len(), Link::take_passed);
                let event = SessionEvent::Update { peer: self.peer, session, update: decoded.update };
                let octets = octets + inbound::held(&event);
                if lone {
                    self.lane.push_lone(event, octets);
                } else {
                    self.lane.push(event, octets);
                }
            }
            Err(notification) => self.malformed(id, notification, &frame.bytes, now),
        }
    }

    fn route_refresh(&mut self, id: ConnectionId, refresh: RouteRefresh) {
        let offered = self.fsm.settings().capabilities;
        let Some(session) = self.session_on(id) else { return };
        let Some(family) = Family::from_numbers(refresh.afi, refresh.safi) else { return };
        let kind = match refresh.kind {
            refresh::RefreshKind::Normal if offered.route_refresh => RefreshKind::Normal,
            refresh::RefreshKind::Begin if session.negotiated.enhanced_refresh => RefreshKind::Begin,
            refresh::RefreshKind::End if session.negotiated.enhanced_refresh => RefreshKind::End,
            // RFC 2918 §4, RFC 7313 §5: what was not agreed on, or is not known, is ignored.
            _ => return,
        };
        if session.negotiated.families.contains(&family) {
            let (peer, session) = (self.peer, session.id);
            self.emit(SessionEvent::RouteRefresh { peer, session, family, kind });
        }
    }

    fn malformed(&mut self, id: ConnectionId, notification: Notification, octets: &[u8], now: Instant) {
        if let Some(suppressed) = self.malformed.take(now) {
            warn!(
                "neighbor {}: malformed message: {notification}{}; octets {}",
                self.name(),
                not_logged(suppressed),
                hex(octets)
            );
        }
        self.input(Input::Malformed(id, notification), now);
    }

    fn deadline(&mut self, now: Instant) {
        let silent: Vec<_> = self.fsm.about_to_expire(now).collect();
        for id in silent {
            for _ in 0..LAST_READS {
                let behind = !self.lane.has_room();
                let Some(link) = self.link(id) else { break };
                if (behind && link.has_unread()) || !link.read() {
                    break;
                }
                self.process(now);
            }
            self.process(now);
            let behind = !self.lane.has_room();
            if behind && self.link(id).is_some_and(|link| link.has_unread()) {
                self.input(Input::Heard(id), now);
            }
        }
        self.input(Input::Deadline, now);
    }

    // What goes out.

    fn queue(&mut self, messages: &Bytes) {
        let Some(session) = &mut self.session else { return };
        self.status.count_sent(messages);
        let (turn, begun) = session.queue.turn();
        turn.took(messages);
        if let Some(link) = self.links.iter_mut().find(|link| link.id == session.connection) {
            link.writer.resume(begun);
            link.writer.push(messages.clone());
        }
    }

    /// Moves messages from the queue to the socket, as far as both allow.
    fn pump(&mut self, now: Instant) {
        loop {
            let mut moved = false;
            let mut wrote = Vec::new();
            if let Some(session) = &mut self.session
                && let Some(link) = self.links.iter_mut().find(|link| link.id == session.connection)
            {
                let (mut turn, begun) = session.queue.turn();
                link.writer.resume(begun);
                while link.writer.has_room()
                    && let Some(messages) = turn.try_next()
                {
                    self.status.count_sent(&messages);
                    link.writer.push(messages);
                    moved = true;
                }
                if !link.writer.is_empty() && link.flush() {
                    wrote.push(link.id);
                }
                turn.end(link.writer.is_empty());
                self.status.set_out_queue(session.queue.waiting());
                self.status.set_buffered(session.queue.octets() + link.bytes());
                if session.queue.drained() {
                    let (peer, session) = (self.peer, session.id);
                    self.emit(SessionEvent::Drained { peer, session });
                }
            }
            let carrying = self.session.as_ref().map(|session| session.connection);
            for link in self.links.iter_mut().filter(|link| Some(link.id) != carrying) {
                if !link.writer.is_empty() && link.flush() {
                    wrote.push(link.id);
                }
            }
            if wrote.is_empty() {
                return;
            }
            for id in wrote {
                self.input(Input::Written(id), now);
            }
            if !moved {
                return;
            }
        }
    }

    // The state machine.

    fn input(&mut self, input: Input, now: Instant) {
        for action in self.fsm.handle(input, now) {
            self.act(action, now);
        }
    }

    fn act(&mut self, action: Action, now: Instant) {
        match action {
            Action::Connect(id) => {
                let settings = self.fsm.settings().clone();
                self.call = Some((id, Box::pin(async move { dial::call(&settings).await })));
            }
            Action::SendOpen(id, open) => self.send(id, &Message::Open(*open)),
            Action::SendKeepalive(id) => self.send(id, &Message::Keepalive),
            Action::SendNotification(id, notification) => {
                self.end_shortcut(id);
                self.send(id, &Message::Notification(notification));
                if let Some(link) = self.link(id) {
                    link.writer.keep_urgent();
                    link.last_words = true;
                }
            }
            Action::Close(id) => self.close(id),
            Action::Established(id, negotiated) => self.established(id, *negotiated, now),
            Action::Down(reason) => self.down(reason, now),
            Action::Failed(reason) => self.failed(&reason, now),
            Action::State(state) => self.state(state),
            Action::Gone => {
                self.emit(SessionEvent::DynamicPeerGone { peer: self.peer });
                self.finished = true;
            }
        }
    }

    fn send(&mut self, id: ConnectionId, message: &Message) {
        let octets = message.to_bytes();
        self.status.count_sent(&octets);
        if let Some(link) = self.link(id) {
            link.writer.push_urgent(octets);
        }
    }

    /// The core writes no more to this connection by itself: something is to be the last.
    fn end_shortcut(&mut self, id: ConnectionId) {
        let Some(session) = self.session.as_ref().filter(|session| session.connection == id) else { return };
        let begun = session.queue.close();
        if let Some(link) = self.links.iter_mut().find(|link| link.id == id) {
            link.writer.resume(begun);
        }
    }

    fn close(&mut self, id: ConnectionId) {
        self.end_shortcut(id);
        if self.call.as_ref().is_some_and(|(call, _)| *call == id) {
            self.call = None;
        }
        let Some(at) = self.links.iter().position(|link| link.id == id) else { return };
        let link = self.links.swap_remove(at);
        // A neighbour that calls and errs again and again shall not take all sockets.
        if link.last_words && self.closing.len() < CLOSING {
            self.closing.spawn(link.finish());
        }
    }

    fn established(&mut self, id: ConnectionId, negotiated: Negotiated, now: Instant) {
        let text = format!(
            "session established (AS {}, identifier {}, hold time {} s)",
            negotiated.remote_as,
            negotiated.remote_id,
            negotiated.hold_time.as_secs()
        );
        self.changed(&text, now);
        if let Some(link) = self.link(id) {
            link.set_max_receive(negotiated.max_receive);
            link.decoder.set_context(DecodeContext {
                four_octet_as: negotiated.four_octet_as,
                families: negotiated.families.clone(),
                add_path: negotiated.add_path.clone(),
                extended_next_hop: negotiated.extended_next_hop,
                kind: match negotiated.kind {
                    PeerKind::Internal => SessionKind::Internal,
                    PeerKind::External => SessionKind::External,
                },
                max_length: u16::try_from(negotiated.max_receive).unwrap_or(u16::MAX),
            });
        }
        let (out, queue) = outbound::channel();
        if let Some(link) = self.link(id) {
            queue.open(link.stream(), Arc::clone(&self.status));
        }
        let shared = Arc::new(negotiated.clone());
        let session = self.shared.next_session();
        self.status.established(shared.clone(), now);
        self.session = Some(Session { id: session, connection: id, queue, negotiated: shared });
        self.emit(SessionEvent::Established {
            peer: self.peer,
            session,
            negotiated: Box::new(negotiated),
            out,
        });
    }

    fn down(&mut self, reason: DownReason, now: Instant) {
        let Some(session) = self.session.take() else { return };
        let kept = if reason.retain { " (its routes are kept for its restart)" } else { "" };
        self.changed(&format!("session down: {}{kept}", reason.text), now);
        self.status.set_out_queue(0);
        self.status.set_buffered(0);
        self.status.down(reason.clone(), now);
        self.emit(SessionEvent::Down { peer: self.peer, session: session.id, reason });
    }

    /// Logs that a session came or went, for a neighbour that does so now and then.
    fn changed(&mut self, text: &str, now: Instant) {
        match self.changes.take(now) {
            Some(suppressed) => info!("neighbor {}: {text}{}", self.name(), not_logged(suppressed)),
            None => debug!("neighbor {}: {text}", self.name()),
        }
    }

    /// Logs why an attempt came to nothing, once for each reason.
    fn failed(&mut self, reason: &str, now: Instant) {
        let is_new = self.status.failed(reason);
        if let Some(suppressed) = is_new.then(|| self.changes.take(now)).flatten() {
            warn!("neighbor {}: {reason}{}", self.name(), not_logged(suppressed));
        } else {
            debug!("neighbor {}: {reason}", self.name());
        }
    }

    fn state(&mut self, state: FsmState) {
        debug!("neighbor {}: {state}", self.name());
        self.status.set_state(state);
        self.emit(SessionEvent::State { peer: self.peer, state });
    }
}

fn endpoints(stream: &TcpStream) -> Option<Endpoints> {
    Some(Endpoints { local: stream.local_addr().ok()?, remote: stream.peer_addr().ok()? })
}
