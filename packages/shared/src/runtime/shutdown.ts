// SPDX-License-Identifier: Apache-2.0
import type { Clock } from './clock.ts';
import type { Logger } from './logging.ts';

/** Where the signals come from and how the process ends: `process`, or a stand-in for tests. */
export interface ShutdownHost {
  on(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
  off(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
  exit(code: number): void;
}

/** What `createShutdown` needs. */
export interface ShutdownOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Time for all steps together; after it the process exits with code 1. Kubernetes kills after 30 s by default. */
  readonly timeLimitMs: number;
  /** Default: `process`. */
  readonly host?: ShutdownHost;
}

/** Orderly end of a program. */
export interface Shutdown {
  /** Aborted as soon as the end was asked for, before the first step runs. */
  readonly signal: AbortSignal;
  /**
   * Adds a step. Steps run one after the other, the one added last first: what was started last is stopped first. A
   * step that fails is logged and the next one still runs.
   */
  addStep(name: string, stop: () => Promise<void> | void): void;
  /** Asks for the end, as a signal does. `exitCode` defaults to 0; later calls change nothing. */
  request(reason: string, exitCode?: number): void;
  /** Resolves with the exit code when all steps have run or the time is up. */
  readonly done: Promise<number>;
}

/**
 * Turns SIGTERM and SIGINT into an orderly end: first signal aborts {@link Shutdown.signal} and runs the steps, second
 * signal exits at once with code 1. At the end the process exits by itself: a forgotten handle must not keep it alive.
 */
export function createShutdown(options: ShutdownOptions): Shutdown {
  const { logger, clock, timeLimitMs, host = process } = options;
  const steps: { readonly name: string; readonly stop: () => Promise<void> | void }[] = [];
  const controller = new AbortController();
  const finished = Promise.withResolvers<number>();

  const runSteps = async (exitCode: number): Promise<number> => {
    let code = exitCode;
    for (const { name, stop } of steps.toReversed()) {
      const startedMs = clock.monotonicMs();
      try {
        await stop();
        logger.debug({ step: name, tookMs: clock.monotonicMs() - startedMs }, 'stopped');
      } catch (error) {
        code = 1;
        logger.error({ err: error, step: name }, 'stopping failed');
      }
    }
    return code;
  };

  const request = (reason: string, exitCode = 0): void => {
    if (controller.signal.aborted) return;
    logger.info({ reason }, 'shutting down');
    controller.abort(new Error(reason));
    const limit = clock.setTimer(() => {
      logger.error({ timeLimitMs }, 'shutdown took too long; exiting');
      finished.resolve(1);
    }, timeLimitMs);
    runSteps(exitCode).then(
      (code) => {
        limit.cancel();
        finished.resolve(code);
      },
      (error: unknown) => finished.reject(error),
    );
  };

  const onSignal = (name: string) => () => {
    if (!controller.signal.aborted) return request(`received ${name}`);
    logger.warn({ signal: name }, 'second signal; exiting at once');
    host.exit(1);
  };
  const onTerm = onSignal('SIGTERM');
  const onInt = onSignal('SIGINT');
  host.on('SIGTERM', onTerm);
  host.on('SIGINT', onInt);
  const done = finished.promise.then((code) => {
    host.off('SIGTERM', onTerm);
    host.off('SIGINT', onInt);
    host.exit(code);
    return code;
  });
  return { signal: controller.signal, addStep: (name, stop) => steps.push({ name, stop }), request, done };
}
