package org.edgefrac.app

import android.app.Activity
import android.view.ViewGroup
import android.webkit.WebView
import android.widget.Button
import android.widget.FrameLayout
import android.widget.TextView
import org.edgefrac.core.AppAssets

/** "About this model": what the self-test found on this phone, the model card and the certificate. */
class AboutScreen(private val activity: Activity, private val words: Words) {
    private var described: AppAssets? = null
    private var open = false

    /** The screen comes up; from now on it follows the state. */
    fun open(state: State) {
        open = true
        show(state)
    }

    fun show(state: State) {
        if (!open) return
        val setup = state.setup
        text(R.id.trials).text = when {
            setup != null -> selfTest(setup)
            state.busy -> activity.getString(R.string.preparing)
            else -> activity.getString(R.string.broken, state.problem)
        }
        activity.findViewById<Button>(R.id.test_again).isEnabled = !state.busy
        if (setup != null && described !== setup.assets) describe(setup.assets)
    }

    private fun selfTest(setup: Setup): String {
        val phone = activity.getString(R.string.self_test_phone)
        return (listOf(phone) + setup.choice.trials.map(words::trial)).joinToString("\n\n")
    }

    private fun describe(assets: AppAssets) {
        described = assets
        val contract = assets.contract
        val model = contract.run { activity.getString(R.string.model_line, name, version, architecture, precision) }
        text(R.id.model).text = "$model\n${contract.intendedUse}"
        text(R.id.card).text = assets.text(AppAssets.MODEL_CARD)
        val place = activity.findViewById<FrameLayout>(R.id.certificate)
        place.removeAllViews()
        place.addView(page(assets.text(AppAssets.CERTIFICATE_PAGE)))
    }

    /** Made when it is wanted, for it takes a browser. The page has no script, and the app no way into a network. */
    private fun page(html: String) = WebView(activity).apply {
        layoutParams = FrameLayout.LayoutParams(ViewGroup.LayoutParams.MATCH_PARENT, ViewGroup.LayoutParams.WRAP_CONTENT)
        contentDescription = activity.getString(R.string.certificate_description)
        settings.javaScriptEnabled = false
        settings.blockNetworkLoads = true
        loadDataWithBaseURL(null, html, "text/html", "utf-8", null)
    }

    private fun text(id: Int): TextView = activity.findViewById(id)
}
