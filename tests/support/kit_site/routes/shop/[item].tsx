import { createDefine, HttpError, page } from "fresh";

const define = createDefine<{ user: string }>();

export const handler = define.handlers({
  GET({ params, state }) {
    if (params.item === "none") throw new HttpError(404, "no such item");
    if (params.item === "broken") throw new Error("secret");
    return page({ label: `${params.item} for ${state.user}` }, { headers: { "x-item": "yes" } });
  },
  POST: (ctx) => ctx.redirect(`//elsewhere/${ctx.params.item}`, 303),
});

export default define.page<typeof handler>(({ data }) => <h1>{data.label}</h1>);
