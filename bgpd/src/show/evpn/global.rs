//! `show evpn [json]`. Not printed: FRR's lines of multihoming, which Weft does not do.

use crate::{
    command::{ExecError, Sink},
    core::CoreHandle,
    show::json::document,
};
use serde_json::{Value, json};
use weft_evpn::engine::{EvpnConfig, Freeze};

/// Carries out the command.
pub(in crate::show) fn show(core: &CoreHandle, json: bool, out: &mut dyn Sink) -> Result<(), ExecError> {
    let (vnis, config) =
        core.ask(|core, _| (core.evpn().instances().count(), core.evpn().config().clone()))?;
    let answer = if json { document(&global_json(vnis, &config)) } else { global_text(vnis, &config) };
    Ok(out.text(&answer)?)
}

fn yes(value: bool) -> &'static str {
    if value { "Yes" } else { "No" }
}

fn global_text(vnis: usize, config: &EvpnConfig) -> String {
    let detection = &config.duplicate_detection;
    let mut text = format!(
        "L2 VNIs: {vnis}\nL3 VNIs: 0\nAdvertise gateway mac-ip: {}\nAdvertise svi mac-ip: {}\n\
         Duplicate address detection: {}\n  Detection max-moves {}, time {}\n",
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
    text
}

fn global_json(vnis: usize, config: &EvpnConfig) -> Value {
    let detection = &config.duplicate_detection;
    let freeze = match detection.freeze {
        Freeze::None => json!(0),
        Freeze::For(time) => json!(time.as_secs()),
        Freeze::Permanent => json!("permanent"),
    };
    json!({
        "advertiseGatewayMacip": yes(config.advertise_default_gw),
        "advertiseSviMacip": yes(config.advertise_svi_ip),
        "numVnis": vnis,
        "numL2Vnis": vnis,
        "numL3Vnis": 0,
        "isDuplicateAddrDetection": detection.enabled,
        "maxMoves": detection.max_moves,
        "detectionTime": detection.window.as_secs(),
        "detectionFreezeTime": freeze,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use weft_evpn::engine::DuplicateDetection;

    #[test]
    fn the_text_is_frrs_without_multihoming() {
        let config = EvpnConfig { advertise_svi_ip: true, ..EvpnConfig::default() };
        let text = "L2 VNIs: 2\nL3 VNIs: 0\nAdvertise gateway mac-ip: No\nAdvertise svi mac-ip: Yes\n\
                    Duplicate address detection: Enable\n  Detection max-moves 5, time 180\n";
        assert_eq!(global_text(2, &config), text);
        let freeze = Freeze::For(Duration::from_secs(300));
        let duplicate_detection = DuplicateDetection { freeze, ..DuplicateDetection::default() };
        let config = EvpnConfig { duplicate_detection, ..config };
        assert_eq!(global_text(2, &config), format!("{text}  Detection freeze 300\n"));
        let json = global_json(2, &config);
        assert_eq!((&json["detectionFreezeTime"], &json["numL2Vnis"]), (&json!(300), &json!(2)));
        assert_eq!(json["advertiseSviMacip"], "Yes");
    }
}
