//! `show evpn [json]`. Not printed: FRR's lines of multihoming, which Weft does not do. Added: how
//! IP-VRFs are made in this kernel.

use crate::{
    command::{ExecError, Sink},
    core::CoreHandle,
    show::{json::document, vrf, vrfs},
};
use serde_json::{Value, json};
use weft_evpn::{
    engine::{EvpnConfig, Freeze},
    vrf::VrfForm,
};

/// Carries out the command.
pub(in crate::show) fn show(core: &CoreHandle, json: bool, out: &mut dyn Sink) -> Result<(), ExecError> {
    let (vnis, config) = core.ask(|core, _| {
        let forms = core.evpn().ip_vrfs().filter_map(|view| Some(view.devices?.form));
        let vnis = Vnis {
            l2: core.evpn().instances().count(),
            l3: vrfs::l3vnis(core).len(),
            form: forms.into_iter().next(),
        };
        (vnis, core.evpn().config().clone())
    })?;
    let answer = if json { document(&global_json(&vnis, &config)) } else { global_text(&vnis, &config) };
    Ok(out.text(&answer)?)
}

/// How many VNIs there are.
#[derive(Debug, Clone, Copy, Default)]
struct Vnis {
    l2: usize,
    l3: usize,
    /// How IP-VRFs are made; `None`: none is, or it is not known yet.
    form: Option<VrfForm>,
}

fn yes(value: bool) -> &'static str {
    if value { "Yes" } else { "No" }
}

fn global_text(vnis: &Vnis, config: &EvpnConfig) -> String {
    let detection = &config.duplicate_detection;
    let mut text = format!(
        "L2 VNIs: {}\nL3 VNIs: {}\nAdvertise gateway mac-ip: {}\nAdvertise svi mac-ip: {}\n\
         Duplicate address detection: {}\n  Detection max-moves {}, time {}\n",
        vnis.l2,
        vnis.l3,
        yes(config.advertise_default_gw),
        yes(config.advertise_svi_ip),
        if detection.enabled { "Enable" } else { "Disable" },
        detection.max_moves,
        detection.window.as_secs(),
    );
    match detection.freeze {
        Freeze::None => {}
        Freeze::For(time) => text += &format!("  Detection freeze {}\n", time.as_secs()),
        Freeze::Permanent => text.push_str("  Detection freeze permanent\n"),
    }
    if let Some(form) = vnis.form {
        text += &format!("Form of IP-VRFs: {form}\n");
    }
    text
}

fn global_json(vnis: &Vnis, config: &EvpnConfig) -> Value {
    let detection = &config.duplicate_detection;
    let freeze = match detection.freeze {
        Freeze::None => json!(0),
        Freeze::For(time) => json!(time.as_secs()),
        Freeze::Permanent => json!("permanent"),
    };
    let mut json = json!({
        "advertiseGatewayMacip": yes(config.advertise_default_gw),
        "advertiseSviMacip": yes(config.advertise_svi_ip),
        "numVnis": vnis.l2 + vnis.l3,
        "numL2Vnis": vnis.l2,
        "numL3Vnis": vnis.l3,
        "isDuplicateAddrDetection": detection.enabled,
        "maxMoves": detection.max_moves,
        "detectionTime": detection.window.as_secs(),
        "detectionFreezeTime": freeze,
    });
    if let (Value::Object(members), Some(form)) = (&mut json, vnis.form) {
        members.insert("vrfForm".to_owned(), vrf::form(form).into());
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use weft_evpn::engine::DuplicateDetection;

    #[test]
    fn the_text_is_frrs_without_multihoming() {
        let config = EvpnConfig { advertise_svi_ip: true, ..EvpnConfig::default() };
        let vnis = Vnis { l2: 2, ..Vnis::default() };
        let text = "L2 VNIs: 2\nL3 VNIs: 0\nAdvertise gateway mac-ip: No\nAdvertise svi mac-ip: Yes\n\
                    Duplicate address detection: Enable\n  Detection max-moves 5, time 180\n";
        assert_eq!(global_text(&vnis, &config), text);
        let freeze = Freeze::For(Duration::from_secs(300));
        let duplicate_detection = DuplicateDetection { freeze, ..DuplicateDetection::default() };
        let config = EvpnConfig { duplicate_detection, ..config };
        assert_eq!(global_text(&vnis, &config), format!("{text}  Detection freeze 300\n"));
        let json = global_json(&vnis, &config);
        assert_eq!((&json["detectionFreezeTime"], &json["numL2Vnis"]), (&json!(300), &json!(2)));
        assert_eq!(json["advertiseSviMacip"], "Yes");
        let vnis = Vnis { l2: 2, l3: 1, form: Some(VrfForm::Rule) };
        assert!(global_text(&vnis, &config).starts_with("L2 VNIs: 2\nL3 VNIs: 1\n"));
        assert!(global_text(&vnis, &config).ends_with("\nForm of IP-VRFs: routing table with rules\n"));
        let json = global_json(&vnis, &config);
        assert_eq!((&json["numVnis"], &json["vrfForm"]), (&json!(3), &json!("rules")));
    }
}
