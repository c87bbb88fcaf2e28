//! Settings for the session and the policy.

use ztor_policy::{Goal, Goals, Limits, QueueConfig, SlowRule};
use ztor_session::{Config, DhtOptions, PortMappingOptions, ProxyPolicy, RateLimits, Use};

use super::table::Settings;

impl Settings {
    /// Returns the settings of a session that can change while it runs.
    pub fn session_settings(&self) -> ztor_session::Settings {
        ztor_session::Settings::default()
            .limits(RateLimits { down: self.limit_down, up: self.limit_up })
            .limits_count_overhead(self.limits_count_overhead)
            .limits_spare_local(self.limits_spare_local)
            .max_peers(self.max_peers)
            .max_peers_per_torrent(self.max_peers_per_torrent)
            .upload_slots(self.upload_slots)
            .upload_slots_per_torrent(self.upload_slots_per_torrent)
            .web_seeds_at_once(self.web_seeds_at_once)
            .announce_to_all(self.announce_to_all)
            .peer_exchange(self.peer_exchange)
            .suggest_pieces(self.suggest_pieces)
            .encryption(self.encryption)
            .announced_port(self.announced_port)
            .port_mapping(
                PortMappingOptions::default()
                    .enabled(self.port_mapping)
                    .lease(self.port_mapping_lease)
                    .gateway(self.port_mapping_gateway),
            )
            .leech_defence(self.leech_defence)
            .proxy(self.proxy_policy())
            .is_anonymous(self.anonymous)
    }

    /// Logs a warning if others see an address although the settings ask for anonymity.
    pub(crate) fn warn_of_exposure(&self) {
        if self.anonymous && self.proxy_policy().proxy_for(Use::Peers).is_none() {
            tracing::warn!(
                "anonymous without a proxy for peers: others still see the address of the connection"
            );
        }
    }

    /// Returns the proxy, and what goes through it.
    pub fn proxy_policy(&self) -> ProxyPolicy {
        let policy = self.proxy.clone().map_or_else(ProxyPolicy::default, ProxyPolicy::new);
        policy.uses(self.proxy_for).incoming(self.proxy_incoming)
    }

    /// Returns the configuration of a session, without a state folder. With `port_is_fixed`, a port in use is an error.
    ///
    /// On loopback there is no local discovery, and no DHT unless bootstrap nodes are given.
    pub fn session_config(&self, port_is_fixed: bool) -> Config {
        let is_loopback = self.bind.is_loopback();
        Config::default()
            .bind(self.bind.clone())
            .port(self.port)
            .port_is_fixed(port_is_fixed)
            .dht(self.dht_options(is_loopback))
            .local_discovery(self.local_discovery && !is_loopback)
            .transports(self.transport)
            .dns_servers(self.dns_servers.clone())
            .tracker_dns(self.tracker_dns)
            .state_dir(None)
            .settings(self.session_settings())
    }

    fn dht_options(&self, is_loopback: bool) -> Option<DhtOptions> {
        if !self.dht || (is_loopback && self.dht_bootstrap.is_empty()) {
            return None;
        }
        let options = DhtOptions::default().read_only(self.dht_read_only);
        Some(if self.dht_bootstrap.is_empty() {
            options
        } else {
            options.bootstrap(self.dht_bootstrap.clone())
        })
    }

    /// Returns the configuration of the policy.
    pub fn policy_config(&self) -> ztor_policy::Config {
        let slow = SlowRule {
            down_per_s: self.slow_below,
            up_per_s: self.slow_below,
            after: self.slow_after,
            ..SlowRule::default()
        };
        ztor_policy::Config {
            queue: QueueConfig {
                downloads: self.max_downloads,
                seeds: self.max_seeds,
                total: self.max_active,
                slow: self.slow_torrents_are_free.then_some(slow),
                add_to_top: self.queue_to_top,
                ..QueueConfig::default()
            },
            goals: Goals {
                ratio: goal(self.seed_ratio),
                seeding_time: goal(self.seed_time),
                idle_time: goal(self.seed_idle_time),
                action: Some(self.goal_action),
            },
            limits: Limits { down_per_s: self.limit_down, up_per_s: self.limit_up },
            alternative: Limits {
                down_per_s: self.alternative_limit_down,
                up_per_s: self.alternative_limit_up,
            },
            schedule: self.schedule.clone(),
        }
    }
}

fn goal<T>(value: Option<T>) -> Goal<T> {
    value.map_or(Goal::Inherit, Goal::At)
}
