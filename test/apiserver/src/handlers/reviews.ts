// SPDX-License-Identifier: Apache-2.0
import { arrayOf, at, formatTime, type Json, type JsonObject, objectOf, stringOf } from '../api/objects.ts';
import { type Cause, invalid } from '../api/status.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import type { Action, Authorizer } from '../auth/rbac.ts';
import { ISSUER } from '../auth/service-account-tokens.ts';
import type { User } from '../auth/user.ts';
import { type Exchange, sendJson } from '../http/exchange.ts';
import type { ResourceRequest } from '../http/request-info.ts';
import { readJson } from './decode.ts';

/** A kind that is only ever created, and answered instead of stored. */
export interface ReviewKind {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const AUTHENTICATION = { group: 'authentication.k8s.io', version: 'v1' } as const;
const AUTHORIZATION = { group: 'authorization.k8s.io', version: 'v1' } as const;

function review(
  base: { readonly group: string; readonly version: string },
  kind: string,
  namespaced = false,
): ReviewKind {
  const singular = kind.toLowerCase();
  return { ...base, kind, singular, plural: `${singular}s`, namespaced };
}

/** Every review kind served. */
export const REVIEWS: readonly ReviewKind[] = [
  review(AUTHENTICATION, 'SelfSubjectReview'),
  review(AUTHENTICATION, 'TokenReview'),
  review(AUTHORIZATION, 'LocalSubjectAccessReview', true),
  review(AUTHORIZATION, 'SelfSubjectAccessReview'),
  review(AUTHORIZATION, 'SubjectAccessReview'),
];

/** Who can answer reviews. */
export interface ReviewContext {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  now(): Date;
}

/** Answers a review. */
export async function handleReview(
  context: ReviewContext,
  exchange: Exchange,
  info: ResourceRequest,
  kind: ReviewKind,
): Promise<void> {
  const body = objectOf(await readJson(exchange.request, kind.kind));
  const status = statusOf(context, exchange.user, info, kind, body);
  const answer = {
    kind: kind.kind,
    apiVersion: `${kind.group}/${kind.version}`,
    metadata: { creationTimestamp: formatTime(context.now()) },
    ...(body.spec === undefined ? {} : { spec: body.spec }),
    status,
  };
  sendJson(exchange, 201, answer);
}

function statusOf(
  context: ReviewContext,
  user: User,
  info: ResourceRequest,
  kind: ReviewKind,
  body: JsonObject,
): JsonObject {
  if (kind.group === AUTHORIZATION.group) checkSpec(kind, objectOf(body.spec));
  switch (kind.kind) {
    case 'SelfSubjectReview':
      return { userInfo: userInfo(user) };
    case 'TokenReview':
      return tokenStatus(context, stringOf(at(body, 'spec', 'token')));
    case 'SelfSubjectAccessReview':
      return { allowed: context.authorizer.allows(user, actionOf(body, '')) };
    default: {
      const other: User = {
        name: stringOf(at(body, 'spec', 'user')),
        uid: stringOf(at(body, 'spec', 'uid')),
        groups: arrayOf(at(body, 'spec', 'groups')).map(stringOf),
      };
      return { allowed: context.authorizer.allows(other, actionOf(body, info.namespace)) };
    }
  }
}

/** An access review asks about exactly one thing, and unless it is about oneself, about somebody. */
function checkSpec(kind: ReviewKind, spec: JsonObject): void {
  const causes: Cause[] = [];
  const isEmpty = (value: Json | undefined): boolean => value === undefined || value === null;
  if (isEmpty(spec.resourceAttributes) === isEmpty(spec.nonResourceAttributes)) {
    const shown = JSON.stringify(spec.resourceAttributes ?? null);
    causes.push({
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${shown}: exactly one of nonResourceAttributes or resourceAttributes must be specified`,
      field: 'spec.resourceAttributes',
    });
  }
  const isAboutNobody = stringOf(spec.user) === '' && arrayOf(spec.groups).length === 0;
  if (kind.kind !== 'SelfSubjectAccessReview' && isAboutNobody) {
    causes.push({
      reason: 'FieldValueInvalid',
      message: 'Invalid value: "": at least one of user or group must be specified',
      field: 'spec.user',
    });
  }
  // The real server leaves the kind out here.
  if (causes.length > 0) throw invalid({ group: kind.group, kind: '' }, '', causes);
}

function userInfo(user: User): JsonObject {
  return { username: user.name, ...(user.uid === '' ? {} : { uid: user.uid }), groups: user.groups };
}

function tokenStatus(context: ReviewContext, token: string): JsonObject {
  const user = context.authenticator.userOfToken(token);
  if (user === undefined) return { user: {}, error: 'invalid bearer token' };
  return { authenticated: true, user: userInfo(user), audiences: [ISSUER] };
}

function actionOf(body: JsonObject, namespace: string): Action {
  const resource: Json | undefined = at(body, 'spec', 'resourceAttributes');
  const path: Json | undefined = at(body, 'spec', 'nonResourceAttributes');
  if (resource === undefined) return { verb: stringOf(at(path, 'verb')), path: stringOf(at(path, 'path')) };
  return {
    verb: stringOf(at(resource, 'verb')),
    group: stringOf(at(resource, 'group')),
    plural: stringOf(at(resource, 'resource')),
    subresource: stringOf(at(resource, 'subresource')),
    namespace: stringOf(at(resource, 'namespace')) || namespace,
    name: stringOf(at(resource, 'name')),
  };
}
