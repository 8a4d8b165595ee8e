import { createDefine } from "fresh";

export default createDefine<{ user: string }>().page(({ Component, state }) => (
  <html lang="en">
    <head>
      <title>Site</title>
    </head>
    <body data-user={state.user}>
      <Component />
    </body>
  </html>
));
