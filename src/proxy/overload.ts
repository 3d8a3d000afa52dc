import type { Clock } from '../async/clock.ts';
import { counterText, gaugeText } from '../telemetry/exposition.ts';
import type { Log } from '../telemetry/log.ts';

/** How often the event loop is watched while requests come. */
const sampleMs = 50;
/** A loop that is later than this keeps every request waiting for two or three times as long. What is shorter is load, not overload. */
const lateMs = 150;
/** As late as this, almost nothing more is taken. In between a share is turned away, as by Envoy's scaled triggers. */
const worstMs = 600;
/** It has to be late in every sample for so long: a pause for garbage, a busy laptop or one that slept is no overload. */
const sustainedMs = 1_000;
const sustainedSamples = 3;
/** Where fewer requests keep a loop that busy, it is the machine that is slow: to turn some of them away would help nobody. */
const crowd = 200;
/** Somebody always gets through, so that work goes on and recovery is seen. */
const maxShare = 0.95;
/** Below this share it is over. */
const minShare = 0.02;
/** Requests under way in one sidecar, whatever their clusters allow: each takes memory, and this many would take about half a gigabyte. */
const maxInProgress = 20_000;

/**
 * Notices that there is more work than this sidecar can do, and says what to turn away: better some get a quick 503 than all wait without end. The measure is
 * how late timers run, which is how long one turn of the event loop takes. Watches only while requests come; costs a request two comparisons.
 */
export class Overload {
  readonly #clock: Clock;
  readonly #log: Log;
  #inProgress = 0;
  /** Requests and handshakes since the last sample. */
  #came = 0;
  #watching = false;
  #lagMs = 0;
  #lateSamples = 0;
  #inTimeAt = 0;
  /** Of new work, turned away. */
  #share = 0;
  #debt = 0;
  #shed = 0;
  #shedBefore = 0;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** A request begins; `end` has to follow in any case. Returns whether all is well; else `turnsAway` is to be asked. */
  begin(): boolean {
    this.#came++;
    if (!this.#watching) this.#watch();
    return ++this.#inProgress <= maxInProgress && this.#share === 0;
  }

  /** A request that began is over. */
  end(): void {
    this.#inProgress--;
  }

  /** A connection that will cost a TLS handshake comes. `false`: it should be turned away. */
  admitsHandshake(): boolean {
    this.#came++;
    if (!this.#watching) this.#watch();
    return this.#share === 0 || !this.turnsAway();
  }

  /** Prometheus text exposition. */
  metrics(): string {
    return [
      counterText('mesh_overload_shed_total', 'Requests and connections turned away by an overloaded sidecar.', [
        ['', this.#shed],
      ]),
      gaugeText('mesh_overload_shed_ratio', 'Share of new work that is being turned away.', [['', this.#share]]),
      gaugeText('mesh_requests_in_progress', 'Requests under way.', [['', this.#inProgress]]),
      gaugeText('mesh_event_loop_lag_seconds', 'How late the event loop was when last watched.', [['', this.#lagMs / 1000]]),
    ].join('');
  }

  /** Whether this request (or connection) is one of the share that is turned away. */
  turnsAway(): boolean {
    // Evenly spread, without chance: of ten at 30 % the 4th, 7th and 10th.
    this.#debt += this.#inProgress > maxInProgress ? 1 : this.#share;
    if (this.#debt < 1) return false;
    this.#debt -= 1;
    this.#shed++;
    return true;
  }

  #watch(): void {
    this.#watching = true;
    this.#inTimeAt = this.#clock.monotonic();
    this.#lateSamples = 0;
    this.#sampleLater();
  }

  #sampleLater(): void {
    const due = this.#clock.monotonic() + sampleMs;
    this.#clock.after(sampleMs, () => this.#sample(Math.max(0, this.#clock.monotonic() - due)));
  }

  #sample(lagMs: number): void {
    // The better of two: one long turn says nothing of the next.
    const late = Math.min(lagMs, this.#lagMs);
    this.#lagMs = lagMs;
    const now = this.#clock.monotonic();
    const overloaded = lagMs >= lateMs && Math.max(this.#came, this.#inProgress) >= crowd;
    if (!overloaded) {
      this.#inTimeAt = now;
      this.#lateSamples = 0;
    } else this.#lateSamples++;
    const sustained = this.#lateSamples >= sustainedSamples && now - this.#inTimeAt >= sustainedMs;
    if (sustained || this.#share > 0)
      this.#aim(overloaded ? Math.min(maxShare, Math.max(0, (late - lateMs) / (worstMs - lateMs))) : 0);
    if (this.#came === 0 && this.#share === 0) {
      this.#watching = false;
      return;
    }
    this.#came = 0;
    this.#sampleLater();
  }

  /** Half of the way to the wanted share with each sample: what is turned away makes the loop faster, which must not swing. */
  #aim(share: number): void {
    const before = this.#share;
    const next = (before + share) / 2;
    this.#share = next < minShare && next < before ? 0 : next;
    if (before === 0 && this.#share > 0) {
      this.#shedBefore = this.#shed;
      this.#log.warn('overloaded: new requests are turned away', {
        lagMs: Math.round(this.#lagMs),
        inProgress: this.#inProgress,
      });
    } else if (before > 0 && this.#share === 0) {
      this.#lateSamples = 0;
      this.#inTimeAt = this.#clock.monotonic();
      this.#log.info('overload is over', { turnedAway: this.#shed - this.#shedBefore });
    }
  }
}
