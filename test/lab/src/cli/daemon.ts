// SPDX-License-Identifier: Apache-2.0
/** The process that holds a lab open, inside its namespaces. Started by `up`, not by hand. */
import { Lab, type LabOptions } from '../lab.ts';
import { insideLabNamespace } from '../namespace.ts';
import type { LabStatus } from './control.ts';
import { serveControl } from './control.ts';

/** What is done with a fresh lab before it counts as ready, e.g. a demo; `say` adds a line of progress. */
export type Prologue = (lab: Lab, say: (line: string) => void) => Promise<void>;

/** Runs a lab until it is told to stop (control socket, SIGTERM, SIGINT); resolves to the exit code. */
export async function runDaemon(options: LabOptions, prologue?: Prologue): Promise<number> {
  if (!insideLabNamespace())
    throw new Error('the daemon runs inside the namespaces only; use: npm run lab -- up');
  const progress: string[] = [];
  const stopping = Promise.withResolvers<void>();
  let lab: Lab | undefined;
  let failure: string | undefined;
  const server = await serveControl({
    status: () => describe(lab, progress, failure),
    lab() {
      if (lab === undefined) throw new Error(`the lab is not running: ${failure ?? 'it is still starting'}`);
      return lab;
    },
    stop: stopping.resolve,
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => stopping.resolve());
  const say = (line: string): void => {
    progress.push(line);
    console.log(line);
  };
  let fresh: Lab | undefined;
  const start = async (): Promise<void> => {
    fresh = await Lab.start({ ...options, onProgress: say });
    await prologue?.(fresh, say);
    lab = fresh;
    console.log('ready');
  };
  const started = start().catch((error: unknown) => {
    // Stays up without a lab, so that `up` can ask why; it sends `stop` then.
    failure = error instanceof Error ? error.message : String(error);
    console.error(failure);
  });
  await stopping.promise;
  await started;
  await fresh?.stop();
  server.close();
  return failure === undefined ? 0 : 1;
}

function describe(lab: Lab | undefined, progress: readonly string[], failure: string | undefined): LabStatus {
  if (failure !== undefined) return { phase: 'failed', progress, error: failure };
  if (lab === undefined) return { phase: 'starting', progress };
  return {
    phase: 'ready',
    progress,
    apiServer: lab.apiServerVersion,
    environment: lab.environment,
    logDir: lab.logDir,
    hosts: lab.plan.hosts.map((host) => {
      const state = lab.state(host.name);
      const words = [
        state.power === 'off' ? 'off' : state.frozen ? 'frozen' : 'on',
        ...(state.plugged ? [] : ['unplugged']),
        ...(state.partition === 'none' ? [] : [`partition ${state.partition}`]),
      ];
      return { name: host.name, address: host.ipv4, state: words.join(', ') };
    }),
  };
}
