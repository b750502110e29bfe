package org.edgefrac.app

import android.annotation.TargetApi
import android.app.Activity
import android.os.Build
import android.window.OnBackInvokedCallback
import android.window.OnBackInvokedDispatcher

/** The phone's way back, for as long as it leads to another place of the same activity. */
interface Back {
    val isOn: Boolean

    fun on()

    fun off()

    companion object {
        /** From Android 13 a phone has to be told beforehand; before that it calls `onBackPressed`. */
        fun of(activity: Activity, action: () -> Unit): Back =
            if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) Announced(activity, action) else Unannounced()
    }
}

private class Unannounced : Back {
    override var isOn = false
        private set

    override fun on() {
        isOn = true
    }

    override fun off() {
        isOn = false
    }
}

@TargetApi(33)
private class Announced(private val activity: Activity, action: () -> Unit) : Back {
    private val callback = OnBackInvokedCallback { action() }

    override var isOn = false
        private set

    override fun on() {
        activity.onBackInvokedDispatcher.registerOnBackInvokedCallback(OnBackInvokedDispatcher.PRIORITY_DEFAULT, callback)
        isOn = true
    }

    override fun off() {
        activity.onBackInvokedDispatcher.unregisterOnBackInvokedCallback(callback)
        isOn = false
    }
}
