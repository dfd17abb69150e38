// SPDX-License-Identifier: Apache-2.0
import { OURS, rivalSubject, type Subject } from './cluster.ts';
import { fixedRateRun, perService } from './fixed-rate.ts';
import { tenth } from './statistics.ts';

/** The peer may need long, and shall not be judged by what it has not done yet. */
const LAST_ADDRESS_MS = 300_000;

/** Ours and the peer, one after the other, each on a fresh cluster. */
export async function compare(binary: string, services: number, rate: number, say: (text: string) => void) {
  const load = { services, rate, limitMs: LAST_ADDRESS_MS };
  const figures = async (subject: Subject) => {
    say(`${subject.name}: ${services} Services, ${rate} a second`);
    const { cluster, offered } = await fixedRateRun(subject, load, say);
    await cluster.stop();
    const { p50Ms, p99Ms, worstMs } = offered.beyondWrite;
    const { rssMB, peakRssMB, cpuMs } = offered.usage;
    return {
      served: offered.served,
      refusedByServer: offered.refused,
      p50Ms,
      p99Ms,
      worstMs,
      // Of those served: who is slow must not look thrifty.
      ...perService(offered.requests, Math.max(1, offered.served)),
      rssMB,
      peakRssMB,
      cpuMsPerService: tenth(cpuMs / Math.max(1, offered.served)),
      requests: offered.requests,
    };
  };
  const ours = await figures(OURS);
  const rival = await figures(rivalSubject(binary));
  const ratio = (a: number, b: number) => Math.round((a / b) * 100) / 100;
  return {
    services,
    ours,
    rival,
    rivalToOurs: {
      p50: ratio(rival.p50Ms, ours.p50Ms),
      p99: ratio(rival.p99Ms, ours.p99Ms),
      requestsPerService: ratio(rival.requestsPerService, ours.requestsPerService),
      rss: ratio(rival.rssMB, ours.rssMB),
      cpuPerService: ratio(rival.cpuMsPerService, ours.cpuMsPerService),
    },
  };
}
