// SPDX-License-Identifier: Apache-2.0

/** Types of requests that are answered and not stored, in the notation of the schema tables. */
export const REQUEST_TYPES = `
BindingRequest: apiVersion=string kind=string metadata=ObjectMeta target=ObjectReference
BoundObjectReference: apiVersion=string kind=string name=string uid=string
DeleteOptions: apiVersion=string dryRun=[string] gracePeriodSeconds=int64? kind=string orphanDependents=bool?
  preconditions=Preconditions propagationPolicy=string?
Eviction: apiVersion=string deleteOptions=DeleteOptions kind=string metadata=ObjectMeta
NonResourceAttributes: path=string verb=string
Preconditions: resourceVersion=string? uid=string?
ResourceAttributes: group=string name=string namespace=string resource=string subresource=string verb=string
  version=string
Scale: apiVersion=string kind=string metadata=ObjectMeta spec=ScaleSpec
ScaleSpec: replicas=int32
LocalSubjectAccessReview: apiVersion=string kind=string metadata=ObjectMeta spec=SubjectAccessReviewSpec
SelfSubjectAccessReview: apiVersion=string kind=string metadata=ObjectMeta spec=SubjectAccessReviewSpec
SubjectAccessReview: apiVersion=string kind=string metadata=ObjectMeta spec=SubjectAccessReviewSpec
SubjectAccessReviewSpec: groups=[string] nonResourceAttributes=NonResourceAttributes
  resourceAttributes=ResourceAttributes uid=string user=string
SelfSubjectReview: apiVersion=string kind=string metadata=ObjectMeta
TokenRequest: apiVersion=string kind=string metadata=ObjectMeta spec=TokenRequestSpec
TokenRequestSpec: audiences=[string] boundObjectRef=BoundObjectReference expirationSeconds=int64?
TokenReview: apiVersion=string kind=string metadata=ObjectMeta spec=TokenReviewSpec
TokenReviewSpec: audiences=[string] token=string
`;

/** Their field numbers on the wire. */
export const REQUEST_NUMBERS = `
BindingRequest: metadata=1 target=2
BoundObjectReference: kind=1 apiVersion=2 name=3 uid=4
DeleteOptions: gracePeriodSeconds=1 preconditions=2 orphanDependents=3 propagationPolicy=4 dryRun=5
Eviction: metadata=1 deleteOptions=2
NonResourceAttributes: path=1 verb=2
Preconditions: uid=1 resourceVersion=2
ResourceAttributes: namespace=1 verb=2 group=3 version=4 resource=5 subresource=6 name=7
Scale: metadata=1 spec=2
ScaleSpec: replicas=1
LocalSubjectAccessReview: metadata=1 spec=2
SelfSubjectAccessReview: metadata=1 spec=2
SubjectAccessReview: metadata=1 spec=2
SubjectAccessReviewSpec: resourceAttributes=1 nonResourceAttributes=2 user=3 groups=4 uid=6
SelfSubjectReview: metadata=1
TokenRequest: metadata=1 spec=2
TokenRequestSpec: audiences=1 boundObjectRef=3 expirationSeconds=4
TokenReview: metadata=1 spec=2
TokenReviewSpec: token=1 audiences=2
`;
