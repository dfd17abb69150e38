// SPDX-License-Identifier: Apache-2.0
import { arrayOf, type JsonObject, objectOf, stringOf } from '../api/objects.ts';
import { badRequest, type Cause, invalid, success } from '../api/status.ts';
import { type Exchange, sendJson, sendText } from '../http/exchange.ts';
import type { ResourceRequest } from '../http/request-info.ts';
import type { ResourceDefinition } from '../resources/definition.ts';
import { type DeleteOptions, deletedDetails, deleteObject } from '../resources/remove.ts';
import { readJson } from './decode.ts';
import { parseMatcher } from './list-options.ts';
import { listText, type ObjectHandlerContext, representationFor, sendObject } from './objects.ts';

const POLICIES = ['Foreground', 'Background', 'Orphan'];

/** Options of a delete, from its body or its query. Throws 422 for those that make no sense. */
async function readDeleteOptions(exchange: Exchange): Promise<DeleteOptions> {
  const query = exchange.url.searchParams;
  const body = objectOf(await readJson(exchange.request, 'DeleteOptions'));
  const policy = stringOf(body.propagationPolicy) || query.get('propagationPolicy') || '';
  const dryRun = [...query.getAll('dryRun'), ...arrayOf(body.dryRun).map(stringOf)];
  const causes = problems(body, policy, dryRun);
  if (causes.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', causes);
  const grace = body.gracePeriodSeconds ?? query.get('gracePeriodSeconds') ?? undefined;
  if (grace !== undefined && !Number.isInteger(Number(grace))) {
    throw badRequest(`gracePeriodSeconds: expected a whole number, got ${JSON.stringify(grace)}`);
  }
  const { uid, resourceVersion } = objectOf(body.preconditions);
  const named = policy || policyOf(body);
  return {
    dryRun: dryRun.length > 0,
    ...(grace === undefined ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(named === '' ? {} : { propagationPolicy: named }),
    ...(uid ? { uid: stringOf(uid) } : {}),
    ...(resourceVersion ? { resourceVersion: stringOf(resourceVersion) } : {}),
  };
}

/** The policy that the old boolean stands for. */
function policyOf({ orphanDependents }: JsonObject): string {
  if (orphanDependents === undefined || orphanDependents === null) return '';
  return orphanDependents === true ? 'Orphan' : 'Background';
}

function problems(body: JsonObject, policy: string, dryRun: readonly string[]): Cause[] {
  const causes: Cause[] = [];
  const orphan = body.orphanDependents;
  if (policy !== '' && orphan !== undefined && orphan !== null) {
    causes.push({
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(policy)}: orphanDependents and deletionPropagation cannot be both set`,
      field: 'propagationPolicy',
    });
  } else if (policy !== '' && !POLICIES.includes(policy)) {
    const supported = [...POLICIES, 'nil'].map((name) => JSON.stringify(name)).join(', ');
    causes.push({
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${JSON.stringify(policy)}: supported values: ${supported}`,
      field: 'propagationPolicy',
    });
  }
  if (dryRun.some((value) => value !== 'All')) {
    causes.push({
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${JSON.stringify(dryRun)}: supported values: "All"`,
      field: 'dryRun',
    });
  }
  return causes;
}

/** Answers a DELETE of one object. */
export async function removeOne(
  context: ObjectHandlerContext,
  exchange: Exchange,
  info: ResourceRequest,
  definition: ResourceDefinition,
): Promise<void> {
  const options = await readDeleteOptions(exchange);
  const { object, gone } = deleteObject(context.cluster, definition, info.namespace, info.name, options);
  if (gone && !definition.returnsDeleted) {
    sendJson(exchange, 200, success(deletedDetails(definition, object)));
    return;
  }
  sendObject(context, exchange, definition, 200, object);
}

/** Answers a DELETE of a collection: the objects as they were. */
export async function removeAll(
  context: ObjectHandlerContext,
  exchange: Exchange,
  info: ResourceRequest,
  definition: ResourceDefinition,
): Promise<void> {
  const options = await readDeleteOptions(exchange);
  const matches = parseMatcher(definition, exchange.url.searchParams, '');
  const { store } = context.cluster;
  const entries = store.collection(definition.storage).list(info.namespace);
  const selected = matches === undefined ? entries : entries.filter(matches);
  for (const { object } of selected) {
    const { namespace = '', name = '' } = object.metadata;
    deleteObject(context.cluster, definition, namespace, name, options);
  }
  const representation = representationFor(context, exchange, definition);
  sendText(exchange, 200, listText(representation, { resourceVersion: String(store.revision) }, selected));
}
