/** How OpenAPI describes an error answer; the schema is the component `Problem`. */
export const problemAnswer = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
});
