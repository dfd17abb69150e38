// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { type Clock, delay } from '@fairlead/shared/runtime/clock.ts';
import { apiTime } from '../controllers/model/conditions.ts';
import { type BackoffSettings, forgetsCrashes, restartDelayMs, restarts } from './backoff.ts';
import type { ContainerSpec } from './container-env.ts';
import {
  adoptProcess,
  type ContainerExit,
  type ContainerLaunch,
  type ContainerProcess,
  startProcess,
} from './container-process.ts';
import { type Handler, type HandlerTarget, runHandler } from './handlers.ts';
import type { ContainerSnapshot, ContainerState } from './pod-status.ts';
import { type ProbeKind, runProbe } from './prober.ts';

/** What a container needs to start, or why it cannot (a waiting reason of Kubernetes). */
export type LaunchPlan =
  | (ContainerLaunch & { readonly ok: true; readonly containerEnv: Readonly<Record<string, string>> })
  | { readonly ok: false; readonly reason: string; readonly message: string };

/** A container that a predecessor of this kubelet started. */
export interface ContainerRecord {
  readonly pid: number;
  readonly startTicks: number;
  readonly startedMs: number;
  readonly restartCount: number;
}

/** What {@link ContainerRuntime} needs. */
export interface ContainerRuntimeOptions {
  readonly spec: ContainerSpec;
  readonly podUid: string;
  /** `Always`, `OnFailure` or `Never`, after the rules for init containers. */
  readonly restartPolicy: string;
  readonly backoff: BackoffSettings;
  readonly clock: Clock;
  readonly podIp: () => string;
  /** Called anew for each start: images and configuration may have changed. */
  readonly plan: () => Promise<LaunchPlan>;
  /** Called after every change of the snapshot. */
  readonly onChange: () => void;
  readonly onEvent: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
  readonly terminationLog: string;
  readonly record: ContainerRecord | undefined;
}

const DEFAULT_HOOK_TIMEOUT_MS = 30_000;

/** Keeps one container running as its restart policy says, and knows its state. */
export class ContainerRuntime {
  readonly #options: ContainerRuntimeOptions;
  readonly #stop = new AbortController();
  readonly #firstStart = Promise.withResolvers<void>();
  #state: ContainerState = { waiting: { reason: 'ContainerCreating' } };
  #lastState: ContainerState | undefined;
  #restartCount: number;
  #crashes = 0;
  #probedReady = false;
  #started = false;
  #finished = false;
  #process: ContainerProcess | undefined;
  #startedMs = 0;
  #target: HandlerTarget | undefined;

  constructor(options: ContainerRuntimeOptions) {
    this.#options = options;
    this.#restartCount = options.record?.restartCount ?? 0;
  }

  /** The container as it is now. */
  snapshot(): ContainerSnapshot {
    const { spec, podUid } = this.#options;
    const running = this.#state.running !== undefined;
    return {
      name: spec.name,
      image: spec.image ?? '',
      state: this.#state,
      ...(this.#lastState === undefined ? {} : { lastState: this.#lastState }),
      restartCount: this.#restartCount,
      ready: running && this.#started && (spec.readinessProbe === undefined || this.#probedReady),
      started: running && this.#started,
      ...(this.#process === undefined ? {} : { containerId: `netns://${podUid}/${this.#process.pid}` }),
      finished: this.#finished,
    };
  }

  /** What a successor needs to adopt the container; undefined while it is not running. */
  record(): ContainerRecord | undefined {
    if (this.#process === undefined || this.#state.running === undefined) return undefined;
    const { pid, startTicks } = this.#process;
    return { pid, startTicks, startedMs: this.#startedMs, restartCount: this.#restartCount };
  }

  /** Resolves when the container has started (and its startup probe, if any, has passed) or ended for good. */
  get startedOnce(): Promise<void> {
    return this.#firstStart.promise;
  }

  /** Runs until the container has ended for good. Never rejects. */
  async run(): Promise<void> {
    let adopted = this.#adopt();
    while (!this.#stop.signal.aborted) {
      const process = adopted ?? (await this.#launch());
      if (process !== undefined) {
        const exit = await this.#supervise(process, adopted !== undefined);
        if (this.#stop.signal.aborted || !restarts(this.#options.restartPolicy, exit.exitCode)) break;
        await this.#pauseBeforeRestart();
      }
      adopted = undefined;
    }
    this.#finished = true;
    this.#firstStart.resolve();
    this.#options.onChange();
  }

  /** Ends the container: preStop, SIGTERM, and SIGKILL when the grace period (which counts from now) is over. */
  async stop(gracePeriodMs: number): Promise<void> {
    this.#stop.abort();
    const process = this.#process;
    if (process === undefined || this.#state.running === undefined) return;
    this.#options.onEvent('Normal', 'Killing', `Stopping container ${this.#options.spec.name}`);
    await this.#end(process, gracePeriodMs);
  }

  /** SIGKILL at once. */
  kill(): void {
    this.#stop.abort();
    this.#process?.kill();
  }

  #set(state: ContainerState): void {
    this.#state = state;
    this.#options.onChange();
  }

  #adopt(): ContainerProcess | undefined {
    const { record, clock } = this.#options;
    if (record === undefined) return undefined;
    const process = adoptProcess(record.pid, record.startTicks, clock);
    this.#startedMs = record.startedMs;
    if (process === undefined) {
      this.#lastState = { terminated: this.#terminated({ exitCode: 137, unseen: true }) };
      this.#restartCount += 1;
    }
    return process;
  }

  async #launch(): Promise<ContainerProcess | undefined> {
    const { plan, spec, onEvent, clock, backoff } = this.#options;
    const fail = async (reason: string, message: string) => {
      if (this.#state.waiting?.reason !== reason) onEvent('Warning', 'Failed', message);
      this.#set({ waiting: { reason, message } });
      this.#crashes += 1;
      await delay(clock, restartDelayMs(this.#crashes - 1, backoff), this.#stop.signal);
      return undefined;
    };
    try {
      const launch = await plan();
      if (!launch.ok) return await fail(launch.reason, launch.message);
      if (this.#stop.signal.aborted) return undefined;
      const process = await startProcess(launch);
      this.#startedMs = clock.wallMs();
      this.#target = {
        podIp: this.#options.podIp(),
        pid: process.pid,
        env: launch.containerEnv,
        ports: spec.ports ?? [],
      };
      onEvent('Normal', 'Started', `Started container ${spec.name}`);
      return process;
    } catch (error) {
      return await fail('RunContainerError', error instanceof Error ? error.message : String(error));
    }
  }

  async #supervise(process: ContainerProcess, adopted: boolean): Promise<ContainerExit> {
    const { spec, clock } = this.#options;
    this.#process = process;
    this.#target ??= {
      podIp: this.#options.podIp(),
      pid: process.pid,
      env: {},
      ports: spec.ports ?? [],
    };
    this.#probedReady = false;
    this.#started = spec.startupProbe === undefined;
    this.#set({ running: { startedAt: apiTime(this.#startedMs) } });
    if (this.#started) this.#firstStart.resolve();
    const life = new AbortController();
    const background = Promise.all([
      this.#probe('startup', life.signal, process),
      this.#probe('liveness', life.signal, process),
      this.#probe('readiness', life.signal, process),
      adopted ? undefined : this.#postStart(process),
    ]);
    const exit = await process.exited;
    life.abort();
    process.kill();
    const ranMs = clock.wallMs() - this.#startedMs;
    this.#crashes = forgetsCrashes(ranMs, this.#options.backoff) ? 1 : this.#crashes + 1;
    this.#target = undefined;
    this.#set({ terminated: this.#terminated(exit) });
    await background;
    return exit;
  }

  async #pauseBeforeRestart(): Promise<void> {
    const { spec, clock, backoff, onEvent } = this.#options;
    this.#lastState = this.#state;
    const pauseMs = restartDelayMs(this.#crashes - 1, backoff);
    const message = `back-off ${pauseMs}ms restarting failed container=${spec.name}`;
    this.#set({ waiting: { reason: 'CrashLoopBackOff', message } });
    onEvent('Warning', 'BackOff', `Back-off restarting failed container ${spec.name}`);
    await delay(clock, pauseMs, this.#stop.signal);
    this.#restartCount += 1;
  }

  #terminated(exit: ContainerExit) {
    const { clock, podUid } = this.#options;
    const message = this.#terminationMessage();
    return {
      exitCode: exit.exitCode,
      ...(exit.signal === undefined ? {} : { signal: exit.signal }),
      reason: exit.unseen ? 'ContainerStatusUnknown' : exit.exitCode === 0 ? 'Completed' : 'Error',
      ...(message === '' ? {} : { message }),
      startedAt: apiTime(this.#startedMs),
      finishedAt: apiTime(clock.wallMs()),
      ...(this.#process === undefined ? {} : { containerID: `netns://${podUid}/${this.#process.pid}` }),
    };
  }

  /** What the container left in its termination log. A missing file is an empty message. */
  #terminationMessage(): string {
    try {
      return readFileSync(this.#options.terminationLog, 'utf8').slice(0, 4_096);
    } catch {
      return '';
    }
  }

  async #probe(kind: ProbeKind, signal: AbortSignal, process: ContainerProcess): Promise<void> {
    const { spec, clock, onEvent, onChange } = this.#options;
    const probe = {
      startup: spec.startupProbe,
      liveness: spec.livenessProbe,
      readiness: spec.readinessProbe,
    }[kind];
    if (probe === undefined) return;
    const over = new AbortController();
    const together = AbortSignal.any([signal, over.signal]);
    if (kind !== 'startup') await this.#whenStarted(together);
    await runProbe({
      kind,
      probe,
      clock,
      signal: together,
      attempt: (handler, timeoutMs) => this.#attempt(handler, timeoutMs),
      onFailure: (which, message) =>
        onEvent(
          'Warning',
          'Unhealthy',
          `${which[0]?.toUpperCase()}${which.slice(1)} probe failed: ${message}`,
        ),
      onVerdict: (verdict) => {
        if (kind === 'readiness') this.#probedReady = verdict === 'success';
        else if (verdict === 'failure') void this.#restartUnhealthy(process);
        else if (kind === 'startup') {
          this.#started = true;
          this.#firstStart.resolve();
          over.abort();
        }
        onChange();
      },
    });
  }

  /** Liveness and readiness wait for the startup probe. */
  async #whenStarted(signal: AbortSignal): Promise<void> {
    while (!this.#started && !signal.aborted) await delay(this.#options.clock, 20, signal);
  }

  async #attempt(handler: Handler, timeoutMs: number) {
    const target = this.#target;
    if (target === undefined) return { success: false, message: 'the container is not running' };
    return runHandler(handler, target, timeoutMs);
  }

  async #restartUnhealthy(process: ContainerProcess): Promise<void> {
    const { spec, onEvent } = this.#options;
    onEvent('Normal', 'Killing', `Container ${spec.name} failed liveness probe, will be restarted`);
    await this.#end(process, DEFAULT_HOOK_TIMEOUT_MS);
  }

  async #postStart(process: ContainerProcess): Promise<void> {
    const hook = this.#options.spec.lifecycle?.postStart;
    if (hook === undefined) return;
    const result = await this.#attempt(hook, DEFAULT_HOOK_TIMEOUT_MS);
    if (result.success || this.#state.running === undefined) return;
    this.#options.onEvent('Warning', 'FailedPostStartHook', result.message);
    await this.#end(process, 0);
  }

  async #end(process: ContainerProcess, gracePeriodMs: number): Promise<void> {
    const { clock, spec, onEvent } = this.#options;
    const ended = process.exited.then(() => undefined);
    const deadline = new AbortController();
    const graceOver = delay(clock, gracePeriodMs, deadline.signal);
    const hook = spec.lifecycle?.preStop;
    if (hook !== undefined) {
      const stopping = this.#attempt(hook, gracePeriodMs).then((result) => {
        if (!result.success) onEvent('Warning', 'FailedPreStopHook', result.message);
      });
      await Promise.race([stopping, ended, graceOver]);
    }
    process.signal('SIGTERM');
    await Promise.race([ended, graceOver]);
    deadline.abort();
    process.kill();
    await ended;
  }
}
