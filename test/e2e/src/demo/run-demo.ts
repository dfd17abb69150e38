// SPDX-License-Identifier: Apache-2.0
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import type { Lab } from '@fairlead/test-lab/lab.ts';
import { installFairlead } from '../install.ts';
import type { Narrator } from '../narrator.ts';
import { Stage } from '../stage.ts';
import { exposeEchoApp, spreadRequests } from './expose.ts';
import { loseOwner, losePods } from './losses.ts';
import type { DemoEngine } from './options.ts';
import { type DemoReport, judgeDemo } from './report.ts';

/** The whole demo on a running, empty lab: what was measured. Rejects when a step fails. */
export async function runDemo(lab: Lab, narrator: Narrator, engine: DemoEngine): Promise<DemoReport> {
  const client = await connect({ kubeconfig: lab.kubeconfig });
  try {
    const stage = new Stage(lab, client, narrator);
    narrator.chapter('Fairlead on a cluster of one control plane and three workers');
    await installFairlead(stage, engine === 'raft' ? {} : { agentEnv: { fairlead_engine: engine } });
    const exposed = await exposeEchoApp(stage);
    const { externalIP, observer } = exposed;
    const spread = await spreadRequests(stage, externalIP);
    const podLoss = await losePods(stage, externalIP);
    const nodeLoss = await loseOwner(stage, externalIP, observer);
    await observer.stop();
    const ownership = observer.judge({ address: externalIP, allowedZero: [nodeLoss.allowedZero] });
    return {
      engine,
      externalIP,
      secondsToExternalIP: round(exposed.secondsToExternalIP, 3),
      secondsToFirstAnswer: round(exposed.secondsToFirstAnswer, 3),
      requests: spread.requests,
      perPod: spread.perPod,
      podLoss,
      nodeLoss: { ...nodeLoss.report, outageMs: round(nodeLoss.report.outageMs, 0) },
      apiServer: lab.apiServerVersion,
      invariants: {
        probesPerSecond: round(ownership.probesPerSecond, 1),
        longestZeroOwnersMs: round(ownership.longestZeroOwnersMs, 0),
        longestTwoOwnersMs: round(ownership.longestTwoOwnersMs, 0),
        violated: ownership.violations.length,
      },
    };
  } finally {
    client.close();
  }
}

/** Tells the verdicts; true when every promise was kept. */
export function concludeDemo(report: DemoReport, narrator: Narrator): boolean {
  narrator.chapter(`What was measured (API server: ${report.apiServer})`);
  const verdicts = judgeDemo(report, 3);
  for (const { good, text } of verdicts) narrator.verdict(good, text);
  return verdicts.every(({ good }) => good);
}

function round(value: number, digits: number): number {
  const factor = 10 ** digits;
  return Math.round(value * factor) / factor;
}
