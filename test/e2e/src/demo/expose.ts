// SPDX-License-Identifier: Apache-2.0
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import { answersPerPod } from '@fairlead/test-lab/observer/tcp-judge.ts';
import { applyManifest, MANIFESTS } from '../install.ts';
import type { Stage } from '../stage.ts';

/** The Service of the case study. */
export const ECHO_SERVICE = { namespace: 'default', name: 'echo-app' } as const;
const REPLICAS = 3;
const REQUESTS = 3_000;

/** What came of `kubectl expose`. */
export interface Exposed {
  readonly externalIP: string;
  readonly secondsToExternalIP: number;
  readonly secondsToFirstAnswer: number;
  /** Asks for the address from the client, from its first second on. */
  readonly observer: NeighborObserver;
}

/** Pool, application, Service: the commands of the case study, and the time to the first answer. */
export async function exposeEchoApp(stage: Stage): Promise<Exposed> {
  const { narrator } = stage;
  narrator.chapter('An address pool, an application, a Service');
  await stage.kubectl([
    ...['create', 'configmap', '--namespace', 'kube-system', 'kubevip'],
    ...['--from-literal', 'range-global=172.18.0.200-172.18.0.220'],
  ]);
  await applyManifest(stage, MANIFESTS.echoApp);
  await stage.waitForPods(REPLICAS);
  const observer = await stage.lab.observeNeighbors();
  const startedMs = performance.now();
  const seconds = () => (performance.now() - startedMs) / 1000;
  const command = stage.kubectl([
    ...['expose', 'deployment', 'echo-app-deployment'],
    ...['--port=80', '--type=LoadBalancer', '--name=echo-app'],
  ]);
  command.catch(() => {}); // awaited below; the address may be there first
  const externalIP = await stage.externalIp(ECHO_SERVICE, 30_000);
  const secondsToExternalIP = seconds();
  await stage.poll(`an answer from ${externalIP}`, 30_000, async () => {
    const url = `http://${externalIP}/`;
    const { code } = await stage.lab.exec('client', ['curl', '-sf', '-o', '/dev/null', '-m', '0.3', url]);
    return code === 0 ? true : undefined;
  });
  const secondsToFirstAnswer = seconds();
  await command;
  observer.watch(externalIP);
  await stage.kubectl(['get', 'svc']);
  narrator.say(
    `Address after ${secondsToExternalIP.toFixed(2)} s, first answer at the client after ${secondsToFirstAnswer.toFixed(2)} s.`,
  );
  return { externalIP, secondsToExternalIP, secondsToFirstAnswer, observer };
}

/** 3,000 requests from the client, each on a new connection; answers per pod. */
export async function spreadRequests(
  stage: Stage,
  externalIP: string,
): Promise<{ readonly requests: number; readonly perPod: Readonly<Record<string, number>> }> {
  const { narrator } = stage;
  narrator.chapter(`${REQUESTS} requests, each on a new connection`);
  narrator.command(`client: ${REQUESTS} x GET http://${externalIP}/`);
  const prober = await stage.lab.probeTcp({
    target: `${externalIP}:80`,
    count: REQUESTS,
    concurrency: 4,
  });
  const samples = await narrator.waiting('requests under way', prober.finished());
  const perPod = answersPerPod(samples);
  const failed = samples.filter((sample) => !sample.ok).length;
  const width = Math.max(...Object.keys(perPod).map((pod) => pod.length), 3);
  narrator.answer(
    [
      `${'POD'.padEnd(width)}  ANSWERS  SHARE`,
      ...Object.entries(perPod).map(
        ([pod, count]) =>
          `${pod.padEnd(width)}  ${String(count).padStart(7)}  ${((count * 100) / samples.length).toFixed(1)} %`,
      ),
      ...(failed > 0 ? [`${failed} requests failed`] : []),
    ].join('\n'),
  );
  return { requests: samples.length, perPod };
}
