// SPDX-License-Identifier: Apache-2.0
/** What the demo measured, and what it promises. Pure: figures in, verdicts out. */
import type { DemoEngine } from './options.ts';

/** The JSON object that `npm run demo -- --json` prints as its last line. */
export interface DemoReport {
  readonly engine: DemoEngine;
  readonly externalIP: string;
  /** From the start of `kubectl expose` to the address in the Service's status. */
  readonly secondsToExternalIP: number;
  /** From the start of `kubectl expose` to the first HTTP answer seen by the client. */
  readonly secondsToFirstAnswer: number;
  readonly requests: number;
  readonly perPod: Readonly<Record<string, number>>;
  /** Requests that began later than one second after a pod was deleted or turned unready. */
  readonly podLoss: { readonly sent: number; readonly failed: number };
  /** The longest time between two successful new connections around the loss of the owner's node. */
  readonly nodeLoss: { readonly outageMs: number; readonly from: string; readonly to: string };
  /** `embedded`, or the version of the real one. */
  readonly apiServer: string;
  readonly invariants: {
    readonly probesPerSecond: number;
    readonly longestZeroOwnersMs: number;
    readonly longestTwoOwnersMs: number;
    readonly violated: number;
  };
}

/** One promise and whether it was kept. */
export interface Verdict {
  readonly good: boolean;
  readonly text: string;
}

/** The bounds the demo is held to; seconds and milliseconds as the names say. */
export const DEMO_BOUNDS = {
  secondsToFirstAnswer: 1,
  /** Each pod's share may differ from an equal share by this part of it. */
  shareTolerance: 0.1,
  nodeLossOutageMs: { raft: 500, lease: 8_000 },
  probesPerSecond: 20,
} as const;

/** Compares a report with the promises, one sentence each. */
export function judgeDemo(report: DemoReport, pods: number): readonly Verdict[] {
  const { perPod, podLoss, nodeLoss, invariants } = report;
  const outageLimitMs = DEMO_BOUNDS.nodeLossOutageMs[report.engine];
  const equalShare = report.requests / pods;
  const counts = Object.values(perPod);
  const furthest = Math.max(0, ...counts.map((count) => Math.abs(count - equalShare)));
  return [
    {
      good: report.secondsToFirstAnswer <= DEMO_BOUNDS.secondsToFirstAnswer,
      text: `first answer ${report.secondsToFirstAnswer.toFixed(2)} s after kubectl expose (at most ${DEMO_BOUNDS.secondsToFirstAnswer} s)`,
    },
    {
      good: counts.length === pods && furthest <= equalShare * DEMO_BOUNDS.shareTolerance,
      text: `${report.requests} requests over ${counts.length} of ${pods} pods: ${counts.join(' / ')} (each within 10 % of ${equalShare.toFixed(0)})`,
    },
    {
      good: podLoss.sent > 0 && podLoss.failed === 0,
      text: `a pod deleted, a pod unready: ${podLoss.failed} of ${podLoss.sent} requests failed that began 1 s later or more`,
    },
    {
      good: nodeLoss.outageMs <= outageLimitMs && nodeLoss.from !== nodeLoss.to,
      text: `node ${nodeLoss.from} cut off, ${nodeLoss.to} took over: ${nodeLoss.outageMs.toFixed(0)} ms between two good connections (at most ${outageLimitMs} ms)`,
    },
    {
      good: invariants.longestTwoOwnersMs === 0 && invariants.violated === 0,
      text: `two owners for ${invariants.longestTwoOwnersMs.toFixed(0)} ms, ${invariants.violated} violations, judged by ARP from the client`,
    },
    {
      good: invariants.probesPerSecond >= DEMO_BOUNDS.probesPerSecond,
      text: `${invariants.probesPerSecond.toFixed(1)} ARP probes per second (at least ${DEMO_BOUNDS.probesPerSecond})`,
    },
  ];
}
