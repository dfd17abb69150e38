// SPDX-License-Identifier: Apache-2.0
import { PODS } from '@fairlead/shared/kubernetes/resources.ts';
import { monotonicMs } from '@fairlead/test-lab/journal.ts';
import { hostByMac } from '@fairlead/test-lab/network/plan.ts';
import type { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import type { Span } from '@fairlead/test-lab/observer/ownership-judge.ts';
import { attemptsWithin, longestSuccessGap } from '@fairlead/test-lab/observer/tcp-judge.ts';
import { isReady, type Stage } from '../stage.ts';
import type { DemoReport } from './report.ts';

/** Requests that begin this long after a pod was lost must all succeed. */
const POD_LOSS_GRACE_MS = 1_000;
/** How long the load goes on after that. */
const POD_LOSS_WINDOW_MS = 3_000;
/** Load before and after the loss of a node. */
const NODE_LOSS_MARGIN_MS = 2_000;
/** A returned node gets this long to show that it does not answer for what it lost. */
const RETURN_WINDOW_MS = 3_000;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** One pod deleted and one turned unready, both under load. */
export async function losePods(stage: Stage, externalIP: string): Promise<DemoReport['podLoss']> {
  const { narrator, lab } = stage;
  narrator.chapter('A pod is killed and one turns unready, under load');
  const prober = await lab.probeTcp({ target: `${externalIP}:80`, intervalMs: 10 });
  const [doomed] = await stage.waitForPods(3);
  const deletedMs = monotonicMs();
  await stage.kubectl(['delete', 'pod', doomed?.metadata?.name ?? '', '--wait=false']);
  await pause(POD_LOSS_GRACE_MS + POD_LOSS_WINDOW_MS);
  const [unready] = await stage.waitForPods(3);
  const ref = { namespace: 'default', name: unready?.metadata?.name ?? '' };
  narrator.command(`pod ${ref.name}: readiness probe fails from now on`);
  await lab.failReadiness(ref);
  await stage.until(PODS, ref, (pod) => !isReady(pod), 10_000);
  const unreadyMs = monotonicMs();
  await pause(POD_LOSS_GRACE_MS + POD_LOSS_WINDOW_MS);
  await stage.kubectl(['get', 'pods', '-o', 'wide']);
  const samples = await prober.stop();
  await lab.restoreReadiness(ref);
  await stage.waitForPods(3);
  const windows = [deletedMs, unreadyMs].map((lostMs) => ({
    fromMs: lostMs + POD_LOSS_GRACE_MS,
    toMs: lostMs + POD_LOSS_GRACE_MS + POD_LOSS_WINDOW_MS,
  }));
  const judged = windows.map((window) => attemptsWithin(samples, window));
  const sent = judged.reduce((sum, { sent: count }) => sum + count, 0);
  const failed = judged.flatMap((each) => each.failed);
  narrator.say(`${sent} requests began a second or more after a pod was lost; ${failed.length} failed.`);
  for (const sample of failed.slice(0, 5)) narrator.answer(`failed: ${sample.error ?? 'unknown'}`);
  return { sent, failed: failed.length };
}

/** What the loss of the owner's node showed, with the span in which nobody may be expected to answer. */
export interface NodeLoss {
  readonly report: DemoReport['nodeLoss'];
  readonly allowedZero: Span;
}

/** The node that answers for the address is cut off from the switch, under load; later it comes back. */
export async function loseOwner(
  stage: Stage,
  externalIP: string,
  observer: NeighborObserver,
): Promise<NodeLoss> {
  const { narrator, lab } = stage;
  const { plan } = lab;
  const ownerName = () => hostByMac(plan, observer.ownerOf(externalIP) ?? '')?.name;
  const from = ownerName();
  if (from === undefined) throw new Error(`nobody answers for ${externalIP}`);
  narrator.chapter(`${from} answers for ${externalIP}: it is cut off, under load`);
  const prober = await lab.probeTcp({ target: `${externalIP}:80`, intervalMs: 20 });
  await pause(NODE_LOSS_MARGIN_MS);
  narrator.command(`switch: drop every frame of ${from}`);
  const cut = await lab.partition(from);
  const to = await narrator.waiting(
    'waiting for another node to answer',
    stage.poll('another owner', 30_000, () => {
      const name = ownerName();
      return Promise.resolve(name === from ? undefined : name);
    }),
  );
  const takenMs = monotonicMs();
  await pause(NODE_LOSS_MARGIN_MS);
  const samples = await prober.stop();
  const gap = longestSuccessGap(samples, {
    fromMs: cut.startedMs - NODE_LOSS_MARGIN_MS,
    toMs: monotonicMs(),
  });
  narrator.say(`${to} took over; ${gap?.gapMs.toFixed(0) ?? '?'} ms without a good connection.`);
  narrator.command(`switch: let ${from} back in`);
  await lab.heal(from);
  await narrator.waiting(`watching that ${from} stays silent`, pause(RETURN_WINDOW_MS));
  await stage.kubectl(['get', 'svc']);
  return {
    report: { outageMs: gap?.gapMs ?? Number.POSITIVE_INFINITY, from, to },
    allowedZero: { fromMs: cut.startedMs - 200, toMs: takenMs + 200 },
  };
}
